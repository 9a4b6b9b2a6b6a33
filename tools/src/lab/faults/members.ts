/** What a person asks for, where the cluster itself can change. It is no fault, and may meet one. */
import type { Part } from '../part.ts'
import type { FaultKind } from './fault.ts'

/** So large a cluster is asked for at most. */
const MOST_SERVERS = 9

const appliesTo = (part: Part) => part.members !== undefined

interface Joining {
  /** One that may have been a member already, with the disk that it has; or a new one. */
  readonly server?: number
}

export const addServer: FaultKind<Joining> = {
  drawn: 'apart',
  appliesTo,
  chance: 0.4,
  draw: (dice) => (dice.random() < 0.25 ? { server: dice.server(0.4) } : {}),
  canBegin: (world) => world.ids.length < MOST_SERVERS,
  begin(world, { server: known }) {
    const server = known ?? world.found()
    const text = `server ${server} is to join`
    world.fault({ kind: 'add-server', peer: server, over: true }, text)
    if (known === undefined) {
      world.boot(server)
      world.run(server)
    }
    world.operator.ask({ add: server })
  },
  endsByItself: true,
  end() {},
  sentence: ({ server }, who) =>
    server === undefined ? 'a new server is to join' : `${who(server)} is to join`,
}

interface AtServer {
  readonly server: number
}

export const removeServer: FaultKind<AtServer> = {
  drawn: 'apart',
  appliesTo,
  chance: 0.4,
  draw: (dice) => ({ server: dice.server(0.4) }),
  begin(world, { server }) {
    const text = `server ${server} is to leave`
    world.fault({ kind: 'remove-server', peer: server, over: true }, text)
    world.operator.ask({ remove: server })
  },
  endsByItself: true,
  end() {},
  sentence: ({ server }, who) => `${who(server)} is to leave`,
}

export const transfer: FaultKind<AtServer> = {
  drawn: 'apart',
  appliesTo,
  chance: 0.3,
  draw: (dice) => ({ server: dice.server(0) }),
  begin(world, { server }) {
    const text = `server ${server} is to lead`
    world.fault({ kind: 'transfer', peer: server, over: true }, text)
    world.operator.handOver(server)
  },
  endsByItself: true,
  end() {},
  sentence: ({ server }, who) => `${who(server)} is to lead`,
}
