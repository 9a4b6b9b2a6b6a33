/** What is done to a cluster of processes by chance: drawn from a seed, then carried out. */
import { between, logBetween, pick, type Random } from '../lab/random.ts'
import type { Cluster } from '../processes/cluster.ts'
import type { Link } from '../processes/network.ts'

/** A fault, when it begins and how long it lasts, in ms. */
export interface Planned {
  readonly atMs: number
  readonly forMs: number
  readonly kind: Kind
  /** Where. */
  readonly server: number
  readonly peer: number
  /** Both count from whoever leads when it begins: 0 is the leader itself. */
  readonly fromLeader: boolean
  /** Of a slow link, for each message. */
  readonly delayMs: number
}

interface Place extends Pick<Planned, 'delayMs'> {
  readonly server: number
  readonly peer: number
}

interface Fault {
  /** The likelier the higher it is. */
  readonly weight: number
  readonly begin: (cluster: Cluster, place: Place) => unknown
  readonly end: (cluster: Cluster, place: Place) => unknown
}

const FAULTS = {
  kill: {
    weight: 4,
    begin: (cluster, { server }) => cluster.kill(server),
    end: (cluster, { server }) => cluster.launch(server),
  },
  'kill all': {
    weight: 1,
    begin: (cluster) => Promise.all(cluster.ids.map((id) => cluster.kill(id))),
    end: (cluster) => {
      for (const id of cluster.ids) cluster.launch(id)
    },
  },
  'stand still': {
    weight: 3,
    begin: (cluster, { server }) => cluster.standStill(server),
    end: (cluster, { server }) => cluster.goOn(server),
  },
  'cut off': {
    weight: 3,
    begin: (cluster, { server }) => cluster.block(server),
    end: (cluster, { server }) => cluster.unblock(server),
  },
  'is not heard': {
    weight: 2,
    begin: (cluster, { server }) => {
      for (const link of linksFrom(cluster, server)) cluster.cut(link)
    },
    end: (cluster, { server }) => {
      for (const link of linksFrom(cluster, server)) cluster.mend(link)
    },
  },
  'one link': {
    weight: 2,
    begin: (cluster, { server, peer }) => cluster.cut({ from: server, to: peer }),
    end: (cluster, { server, peer }) => cluster.mend({ from: server, to: peer }),
  },
  'slow link': {
    weight: 2,
    begin: (cluster, { server, peer, delayMs }) => {
      cluster.delay({ from: server, to: peer }, delayMs)
    },
    end: (cluster, { server, peer }) => cluster.delay({ from: server, to: peer }, 0),
  },
} satisfies Record<string, Fault>

type Kind = keyof typeof FAULTS

const KINDS = Object.entries(FAULTS).flatMap(([kind, { weight }]) =>
  Array.from({ length: weight }, () => kind as Kind),
)

/** All in ms. */
const LEAST_PAUSE = 200
const MOST_PAUSE = 2_000
const LEAST_LENGTH = 100
const MOST_LENGTH = 3_000
const LEAST_DELAY = 10
const MOST_DELAY = 400
/** How often the leader is meant: most of what can go wrong goes wrong with it. */
const LEADER_CHANCE = 0.7

/** The faults of some time, in ms, one after the other or several at once. */
export function drawFaults(random: Random, servers: number, ms: number): Planned[] {
  const planned: Planned[] = []
  let atMs = between(random, LEAST_PAUSE, MOST_PAUSE)
  while (atMs < ms) {
    const server = Math.floor(random() * servers)
    const others = Math.max(servers - 1, 1)
    planned.push({
      atMs: Math.round(atMs),
      forMs: Math.round(logBetween(random, LEAST_LENGTH, MOST_LENGTH)),
      kind: pick(random, KINDS),
      server,
      peer: (server + 1 + Math.floor(random() * others)) % servers,
      fromLeader: random() < LEADER_CHANCE,
      delayMs: Math.round(logBetween(random, LEAST_DELAY, MOST_DELAY)),
    })
    atMs += between(random, LEAST_PAUSE, MOST_PAUSE)
  }
  return planned
}

/** Begins a fault. @returns what ends it. */
export async function beginFault(
  cluster: Cluster,
  planned: Planned,
): Promise<() => Promise<void>> {
  const fault: Fault = FAULTS[planned.kind]
  const first = planned.fromLeader ? ((await cluster.leader()) ?? 0) : 0
  const at = (id: number) => (first + id) % cluster.ids.length
  const { delayMs } = planned
  const place = { server: at(planned.server), peer: at(planned.peer), delayMs }
  await fault.begin(cluster, place)
  return async () => {
    await fault.end(cluster, place)
  }
}

function linksFrom({ links }: Cluster, server: number): Link[] {
  return links.filter(({ from }) => from === server)
}
