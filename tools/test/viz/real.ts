import { Writable } from 'node:stream'
import { part } from '../../../part3/test/lab.ts'
import { begin, end } from '../../src/lab/faults/index.ts'
import { World } from '../../src/lab/world.ts'
import { logTestEnd, logTestStart } from '../../src/testlog/frame.ts'
import { silentLogger, testLogger } from '../../src/testlog/logger.ts'

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
  const world = new World({
    part,
    size: servers,
    seed,
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
  world.startAll()
  scenario(world)
  for (const id of world.ids) world.server(id).stop()
  logTestEnd(logger, world.clock.now(), error)
  return pieces.join('')
}

/** The server that leads in the highest term. */
export function leaderOf(world: World): number {
  const leaders = world.ids.filter((id) => world.view(id).role === 'Leader')
  leaders.sort((a, b) => world.view(a).term - world.view(b).term)
  const last = leaders.at(-1)
  if (last === undefined) throw new Error('nobody leads')
  return last
}

/** One run with all that can happen in it: crash, pause, partition, cut links, loss. */
export function eventfulLog(test = 'an eventful run', error?: Error): string {
  return realLog({ test, servers: 5, ...(error && { error }) }, (world) => {
    world.advance(400)
    const first = leaderOf(world)
    world.submit(first, 'set x 1')
    world.advance(150)
    begin(world, { kind: 'disconnect', server: first })
    world.submit(first, 'lost command')
    world.advance(700)
    const second = leaderOf(world)
    world.submit(second, 'set y 2')
    world.advance(100)
    end(world, { kind: 'disconnect', server: first })
    world.advance(200)
    begin(world, { kind: 'crash', server: second })
    world.advance(600)
    end(world, { kind: 'crash', server: second })
    world.advance(200)
    const third = leaderOf(world)
    const others = world.ids.filter((id) => id !== third)
    begin(world, { kind: 'pause', server: third })
    world.advance(500)
    end(world, { kind: 'pause', server: third })
    world.advance(200)
    const groups = [others.slice(0, 2), [third, ...others.slice(2)]]
    begin(world, { kind: 'partition', groups })
    world.advance(300)
    end(world, { kind: 'partition' })
    const [from = 0, to = 1] = others
    begin(world, { kind: 'cut', from, to })
    world.advance(200)
    end(world, { kind: 'cut', from, to })
    world.advance(300)
  })
}
