/** A person's own change: what is run of it, what stops it, and the link that carries it. */
import { runInThisContext } from 'node:vm'
import { expect, test } from 'vitest'
import { changeIn, changeTo, originalOf } from '../src/own/index.ts'
import type { Reply, Request } from '../src/own/protocol.ts'
import { type Port, RemoteRun, Workshop } from '../src/own/remote.ts'
import { Bench } from '../src/own/serve.ts'
import { textsOf } from '../src/own/texts.ts'
import type { PartElsewhere } from '../src/sim/elsewhere.ts'
import { LinkError } from '../src/sim/link.ts'
import { partOf } from '../src/sim/part.ts'
import { Playback } from '../src/sim/playback.ts'
import { PARTS } from './parts.ts'

/** A worker without a thread: whatever is sent is copied, as between threads. */
function portHere(): Port {
  const bench = new Bench(
    (reply: Reply) => {
      const data = structuredClone(reply)
      queueMicrotask(() => port.onmessage?.({ data }))
    },
    // As in the worker, where it sees no names of the file.
    (code) => {
      const [, filename = ''] = /sourceURL=(.*)$/.exec(code) ?? []
      return runInThisContext(code, { filename })
    },
  )
  const port: Port = {
    onmessage: null,
    onerror: null,
    postMessage: (request: Request) => void bench.answer(structuredClone(request)),
    terminate: () => {},
  }
  return port
}

async function ownPart(part: number, from: string, to: string, open = portHere) {
  const file = `part${part}/src/raft.ts`
  const text = originalOf(part).replace(from, to)
  const texts = { ...(await textsOf(part)), [file]: text }
  const workshop = new Workshop(part, texts, open)
  const right = partOf(part)
  const own: PartElsewhere = {
    ...right,
    difference: 'as changed',
    begin: (setup) => new RemoteRun(setup, own, workshop),
    close: () => workshop.close(),
  }
  return { own, workshop }
}

const RUN = { servers: 4, seed: 7, actions: [] }

test.each(PARTS.map(({ number }) => number))(
  'part %i runs there as it does in the page, event by event',
  async (part) => {
    const { own, workshop } = await ownPart(part, '', '')
    expect(await workshop.check()).toBeNull()
    const actions = [
      { do: 'timeout', at: 100, server: 1 },
      { do: 'disconnect', at: 900, server: 1 },
      ...(own.hasLog
        ? [{ do: 'submit', at: 500, server: 1, command: 'a' } as const]
        : []),
      { do: 'ask', at: 600, what: 'put', key: 'x', value: '1' },
      { do: 'reconnect', at: 2_000, server: 1 },
    ] as const
    const playback = new Playback({ ...RUN, part, actions }, own)
    for (let i = 0; i < 5; i += 1) await playback.step()
    await playback.goTo(4_000)
    const { simulation, twin } = playback
    expect(twin?.violation).toBeNull()
    expect(twin?.events).toEqual(structuredClone(simulation.events))
    for (const id of simulation.ids) {
      const { entryAt, ...view } = twin?.view(id) ?? simulation.view(id)
      expect(simulation.view(id)).toMatchObject(view)
      expect(entryAt(1)).toEqual(simulation.view(id).entryAt(1))
      expect(twin?.condition(id)).toEqual(simulation.condition(id))
      expect(twin?.buttonsAt(id)).toEqual(simulation.buttonsAt(id))
      expect(twin?.canTakeSnapshot(id)).toBe(simulation.canTakeSnapshot(id))
      expect(twin?.changesAt(id)).toEqual(simulation.changesAt(id))
      expect(twin?.standing(id)).toBe(simulation.standing(id))
    }
    expect(twin?.requests).toEqual(simulation.requests)
    expect(twin?.leader).toBe(simulation.leader)
    expect(twin?.members).toEqual(simulation.members)
  },
)

test('a rule that breaks is told as in the page', async () => {
  const { own } = await ownPart(
    1,
    'Math.floor(servers / 2) + 1',
    'Math.ceil(servers / 2)',
  )
  const actions = [0, 1].map((server) => ({ do: 'timeout', at: 100, server }) as const)
  const playback = new Playback({ ...RUN, part: 1, actions }, own)
  await playback.toBreak()
  expect(playback.twin?.violation?.message).toMatch(
    /^Election Safety: servers . and . were both elected leader of term 1$/,
  )
  expect(playback.twin?.now).toBe(playback.simulation.now)
})

test.each([
  [
    'private majority(): number {',
    'private majority(: number {',
    'Unexpected token',
    true,
  ],
  [
    "import type { Logger } from 'pino'",
    "import { pino } from 'pino'; pino()",
    'only files of the part',
    true,
  ],
  [
    "import type { Logger } from 'pino'",
    "import { a } from './none.ts'; a()",
    'there is no part1/src/none.ts',
    false,
  ],
  [
    'export class ConsensusModule {',
    "throw new Error('oh')\nexport class ConsensusModule {",
    'oh',
    true,
  ],
])('what cannot be run is told, with its line: %s', async (from, to, text, hasLine) => {
  const { workshop } = await ownPart(1, from, to)
  const before = originalOf(1).split('\n')
  const line = before.findIndex((line) => line.includes(from)) + 1
  expect(line).toBeGreaterThan(0)
  const problem = await workshop.check()
  expect(problem?.text).toContain(text)
  expect(problem?.line).toBe(hasLine ? line : null)
})

test('what is thrown says at which line', async () => {
  const { own } = await ownPart(
    1,
    'private majority(): number {',
    'private majority(): number { throw new Error("oh")',
  )
  const playback = new Playback({ ...RUN, part: 1 }, own)
  await playback.toBreak()
  const line = originalOf(1)
    .split('\n')
    .findIndex((line) => line.includes('private majority()'))
  expect(playback.twin?.violation?.message).toMatch(
    new RegExp(`a server threw oh, at part1/src/raft\\.ts:${line + 1}$`),
  )
})

test('what does not come to an end is stopped, and the next run goes on', async () => {
  let opened = 0
  const open = () => {
    opened += 1
    const port = portHere()
    const send = port.postMessage
    // The first of them has a loop without end.
    if (opened === 1) {
      port.postMessage = (request) => {
        if (request.do !== 'runTo' || request.time < 100) send(request)
      }
    }
    return port
  }
  const { own } = await ownPart(1, '', '', open)
  const playback = new Playback({ ...RUN, part: 1 }, own)
  await playback.goTo(50)
  await playback.goTo(200)
  expect(playback.twin?.violation?.message).toMatch(
    /^Comes to an End: the code is still running after 5 s, and was stopped$/,
  )
  await playback.goTo(0)
  await playback.goTo(1_000)
  expect(playback.twin?.violation).toBeNull()
  expect(opened).toBe(2)
})

test('a link carries a change, and nothing but that', async () => {
  const text = originalOf(2).replace('+ 1', '+ 1 // é ✓')
  const change = await changeTo(2, text)
  expect(change?.packed).toMatch(/^[\w-]{50,400}$/)
  expect(await changeIn(change?.packed ?? '', 2)).toEqual(change)
  expect(await changeTo(2, originalOf(2))).toBeNull()
})

test.each([
  ['AAAA', 2, 'cannot be read'],
  ['%', 2, 'cannot be read'],
  ['', 2, 'cannot be read'],
])('the change %j is refused', async (packed, part, reason) => {
  await expect(changeIn(packed, part)).rejects.toThrow(LinkError)
  await expect(changeIn(packed, part)).rejects.toThrow(reason)
})

test('a change that has no place any more, or has no end, is refused', async () => {
  const header = originalOf(1).replace('Part 1: leader election', 'Part 1: elections')
  const change = await changeTo(1, header)
  const other = await changeTo(3, `${originalOf(3)}${'// long\n'.repeat(100_000)}`)
  await expect(changeIn(other?.packed ?? '', 3)).rejects.toThrow('is too long')
  await expect(changeIn(change?.packed ?? '', 3)).rejects.toThrow(
    'has no place any more',
  )
})
