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
  /** How bad it is, from 0 up to 1: what that means is the fault's own matter. */
  readonly degree: number
}

type Place = Pick<Planned, 'server' | 'peer' | 'delayMs' | 'degree'>

/**
 * What a fault takes: links between servers; machines of their own, and more of those; a
 * cluster that can change.
 */
type Need = 'peers' | 'machines' | 'clocks' | 'netem' | 'members'

interface Fault {
  /** The likelier the higher it is. */
  readonly weight: number
  readonly needs?: Need
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
    needs: 'peers',
    begin: (cluster, { server }) => {
      for (const link of linksFrom(cluster, server)) cluster.cut(link)
    },
    end: (cluster, { server }) => {
      for (const link of linksFrom(cluster, server)) cluster.mend(link)
    },
  },
  'one link': {
    weight: 2,
    needs: 'peers',
    begin: (cluster, { server, peer }) => cluster.cut({ from: server, to: peer }),
    end: (cluster, { server, peer }) => cluster.mend({ from: server, to: peer }),
  },
  'slow link': {
    weight: 2,
    needs: 'peers',
    begin: (cluster, { server, peer, delayMs }) => {
      cluster.delay({ from: server, to: peer }, delayMs)
    },
    end: (cluster, { server, peer }) => cluster.delay({ from: server, to: peer }, 0),
  },
  partition: {
    weight: 2,
    needs: 'peers',
    begin: (cluster, place) => {
      for (const link of linksAcross(cluster, place)) cluster.cut(link)
    },
    end: (cluster, place) => {
      for (const link of linksAcross(cluster, place)) cluster.mend(link)
    },
  },
  snapshot: {
    weight: 2,
    begin: (cluster, { server }) => cluster.takeSnapshot(server),
    end: () => {},
  },
  'hand over': {
    weight: 2,
    needs: 'members',
    begin: (cluster, { server }) => void cluster.handOver(server),
    end: () => {},
  },
  'add server': {
    weight: 3,
    needs: 'members',
    begin: async (cluster) => {
      const isRoom =
        cluster.ids.length < MOST_SERVERS && cluster.allIds.length < MOST_IDS
      if (isRoom) await cluster.add()
    },
    end: () => {},
  },
  'remove server': {
    weight: 3,
    needs: 'members',
    begin: async (cluster, { server }) => {
      const { length } = (await cluster.members()) ?? []
      // What comes of it can take longer than others wait who are to break something.
      if (length > LEAST_SERVERS) void cluster.remove(server)
    },
    end: () => {},
  },
  'no cable': {
    weight: 2,
    needs: 'machines',
    begin: (cluster, { server }) => {
      const text = `pull the cable of server ${server}`
      cluster.harm(server, text, 'pull-cable', (all) => all.setCable(server, false))
    },
    end: (cluster, { server }) => {
      const text = `put the cable of server ${server} back`
      cluster.harm(server, text, 'put-cable', (all) => all.setCable(server, true))
    },
  },
  loss: {
    weight: 2,
    needs: 'machines',
    begin: (cluster, { server, degree }) => {
      const percent = Math.round(LEAST_LOSS + degree * (MOST_LOSS - LEAST_LOSS))
      const text = `${percent} % of what peers send to server ${server} is lost`
      cluster.harm(server, text, 'loss', (all) => all.setLoss(server, percent))
    },
    end: (cluster, { server }) => {
      const text = `what peers send to server ${server} arrives again`
      cluster.harm(server, text, 'no-loss', (all) => all.setLoss(server, 0))
    },
  },
  'narrow cable': {
    weight: 1,
    needs: 'machines',
    begin: (cluster, { server, degree }) => {
      const kbits = Math.round(LEAST_RATE * (MOST_RATE / LEAST_RATE) ** degree)
      const text = `server ${server} can send ${kbits} kbit a second`
      cluster.harm(server, text, 'narrow-cable', (all) => all.setRate(server, kbits))
    },
    end: widen,
  },
  'unruly cable': {
    weight: 2,
    needs: 'netem',
    begin: (cluster, { server, delayMs }) => {
      const text = `what server ${server} sends is late, twice, or in another order`
      cluster.harm(server, text, 'unruly-cable', (all) => all.setUnruly(server, delayMs))
    },
    end: widen,
  },
  'full disk': {
    weight: 2,
    needs: 'machines',
    begin: (cluster, { server }) => cluster.fillDisk(server),
    end: (cluster, { server }) => cluster.emptyDisk(server),
  },
  'wrong clock': {
    weight: 1,
    needs: 'clocks',
    begin: (cluster, { server, degree }) => {
      const seconds = Math.round((2 * degree - 1) * MOST_CLOCK_ERROR)
      const text = `the clock of server ${server} jumps by ${seconds} s`
      cluster.harm(server, text, 'clock-jump', (all) => all.setClock(server, seconds))
    },
    end: (cluster, { server }) => {
      const text = `the clock of server ${server} is right again`
      cluster.harm(server, text, 'clock-right', (all) => all.setClock(server, 0))
    },
  },
} satisfies Record<string, Fault>

type Kind = keyof typeof FAULTS

/** What there is to break. */
export interface Breakable {
  readonly servers: number
  /** The machines on which the servers are, if each has one. */
  readonly machines: { readonly hasClocks: boolean; readonly hasNetem: boolean } | null
  /** Whether servers can come and go. */
  readonly hasMembers: boolean
}

/** Each as often as its weight says. */
function kindsFor({ servers, machines, hasMembers }: Breakable): Kind[] {
  const has: Record<Need, boolean> = {
    peers: servers > 1,
    machines: machines !== null,
    clocks: machines?.hasClocks === true,
    netem: machines?.hasNetem === true,
    members: hasMembers,
  }
  return Object.entries(FAULTS as Record<Kind, Fault>)
    .filter(([, { needs }]) => !needs || has[needs])
    .flatMap(([kind, { weight }]) => Array.from({ length: weight }, () => kind as Kind))
}

/** So large is a cluster whose servers come and go. */
const LEAST_SERVERS = 3
const MOST_SERVERS = 5
/** No id is used twice, and each machine has addresses of its own: so many there are. */
const MOST_IDS = 250
/** All in ms. */
const LEAST_PAUSE = 200
const MOST_PAUSE = 2_000
const LEAST_LENGTH = 100
const MOST_LENGTH = 3_000
const LEAST_DELAY = 10
const MOST_DELAY = 400
/** In percent. */
const LEAST_LOSS = 2
const MOST_LOSS = 60
/** In kbit a second. */
const LEAST_RATE = 64
const MOST_RATE = 8_000
/** In s. */
const MOST_CLOCK_ERROR = 100_000
/** How often the leader is meant: most of what can go wrong goes wrong with it. */
const LEADER_CHANCE = 0.7

/** The faults of some time, in ms, one after the other or several at once. */
export function drawFaults(random: Random, there: Breakable, ms: number): Planned[] {
  const planned: Planned[] = []
  const { servers } = there
  const kinds = kindsFor(there)
  let atMs = between(random, LEAST_PAUSE, MOST_PAUSE)
  while (atMs < ms) {
    const server = Math.floor(random() * servers)
    const others = Math.max(servers - 1, 1)
    planned.push({
      atMs: Math.round(atMs),
      forMs: Math.round(logBetween(random, LEAST_LENGTH, MOST_LENGTH)),
      kind: pick(random, kinds),
      server,
      peer: (server + 1 + Math.floor(random() * others)) % servers,
      fromLeader: random() < LEADER_CHANCE,
      delayMs: Math.round(logBetween(random, LEAST_DELAY, MOST_DELAY)),
      degree: random(),
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
  const leader = planned.fromLeader ? await cluster.leader() : null
  const { ids } = cluster
  const first = Math.max(ids.indexOf(leader ?? 0), 0)
  const at = (place: number) => ids[(first + place) % ids.length] as number
  const { delayMs, degree } = planned
  const server = at(planned.server)
  // There may be fewer servers than when it was drawn.
  const peer = at(planned.peer) === server ? at(planned.server + 1) : at(planned.peer)
  const place = { server, peer, delayMs, degree }
  await fault.begin(cluster, place)
  return async () => {
    await fault.end(cluster, place)
  }
}

function linksFrom({ links }: Cluster, server: number): Link[] {
  return links.filter(({ from }) => from === server)
}

/** Of five, two are on one side; of fewer, one is. */
function linksAcross({ ids, links }: Cluster, { server, peer }: Place): Link[] {
  const side = ids.length > 4 ? [server, peer] : [server]
  return links.filter(({ from, to }) => side.includes(from) !== side.includes(to))
}

function widen(cluster: Cluster, { server }: Place): void {
  const text = `the cable of server ${server} is as good as it was`
  cluster.harm(server, text, 'good-cable', (all) => all.setRate(server, null))
}
