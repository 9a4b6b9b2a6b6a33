import { Writable } from 'node:stream'
import { ConsensusModule } from '../../../part3/src/raft.ts'
import { MemoryStorage } from '../../../part3/src/storage.ts'
import { Cluster } from '../../src/lab/cluster.ts'
import { logTestEnd, logTestStart } from '../../src/testlog/frame.ts'
import { silentLogger, testLogger } from '../../src/testlog/logger.ts'

/** Two of part 3's servers and more in virtual time, and what a test can do to them. */
export interface World {
  readonly cluster: Cluster<ConsensusModule>
  advance(ms: number): void
  /** The server that leads in the highest term. */
  leader(): number
  submit(id: number, command: string): void
  restart(id: number): void
}

export interface RealRun {
  readonly test: string
  readonly servers?: number
  readonly seed?: number
  /** What fails the test, if anything. */
  readonly error?: Error
}

/** The test log of a real run, with everything in it that this project's servers say. */
export function realLog(options: RealRun, scenario: (world: World) => void): string {
  const { test, servers = 3, seed = 1, error = null } = options
  const pieces: string[] = []
  const destination = new Writable({
    write(piece, _encoding, done) {
      pieces.push(String(piece))
      done()
    },
  })
  let logger = silentLogger
  const cluster = new Cluster<ConsensusModule>({
    size: servers,
    seed,
    network: 'simulated',
    logger: (clock) => {
      logger = testLogger(destination, test, clock)
      const replay = `./dotest.sh part3 '${test}' --seed ${seed}`
      logTestStart(logger, {
        part: 'part3',
        seed,
        network: 'simulated',
        servers,
        replay,
      })
      return logger
    },
  })
  const storages = cluster.ids.map(() => new MemoryStorage())
  const boot = (id: number) => {
    const storage = storages[id] as MemoryStorage
    cluster.boot(id, (around) => new ConsensusModule({ ...around, storage }))
  }
  for (const id of cluster.ids) boot(id)
  for (const id of cluster.ids) cluster.start(id)
  scenario(worldOf(cluster, storages))
  for (const id of cluster.ids) cluster.server(id).stop()
  logTestEnd(logger, cluster.clock.now(), error)
  return pieces.join('')
}

function worldOf(
  cluster: Cluster<ConsensusModule>,
  storages: readonly MemoryStorage[],
): World {
  return {
    cluster,
    advance: (ms) => cluster.advance(ms),
    leader: () => {
      const leaders = cluster.ids.filter((id) => cluster.server(id).role === 'Leader')
      leaders.sort(
        (a, b) => cluster.server(a).currentTerm - cluster.server(b).currentTerm,
      )
      const last = leaders.at(-1)
      if (last === undefined) throw new Error('nobody leads')
      return last
    },
    submit: (id, command) => {
      cluster.machine(id).run(() => void cluster.server(id).submit(command))
    },
    restart: (id) => {
      const storage = storages[id] as MemoryStorage
      cluster.noteRestart(id)
      cluster.boot(id, (around) => new ConsensusModule({ ...around, storage }))
      cluster.start(id)
    },
  }
}

/** One run with all that can happen in it: crash, pause, partition, cut links, loss. */
export function eventfulLog(test = 'an eventful run', error?: Error): string {
  return realLog({ test, servers: 5, ...(error && { error }) }, (world) => {
    const { cluster } = world
    world.advance(400)
    const first = world.leader()
    world.submit(first, 'set x 1')
    world.advance(150)
    cluster.disconnect(first)
    world.submit(first, 'lost command')
    world.advance(700)
    const second = world.leader()
    world.submit(second, 'set y 2')
    world.advance(100)
    cluster.reconnect(first)
    world.advance(200)
    cluster.crash(second)
    world.advance(600)
    world.restart(second)
    world.advance(200)
    const third = world.leader()
    const others = cluster.ids.filter((id) => id !== third)
    cluster.pause(third)
    world.advance(500)
    cluster.resume(third)
    world.advance(200)
    cluster.partition([others.slice(0, 2), [third, ...others.slice(2)]])
    world.advance(300)
    cluster.heal()
    const [from = 0, to = 1] = others
    cluster.cut(from, to)
    world.advance(200)
    cluster.mend(from, to)
    world.advance(300)
  })
}
