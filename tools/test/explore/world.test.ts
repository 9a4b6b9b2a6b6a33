import { pino } from 'pino'
import { expect, test } from 'vitest'
import { drawSchedule } from '../../src/explore/draw.ts'
import { type FileStory, runFileStory } from '../../src/explore/file.ts'
import { loadPart } from '../../src/explore/load.ts'
import { runSchedule } from '../../src/explore/run.ts'
import { FAULT_KINDS, type Schedule } from '../../src/explore/schedule.ts'
import { drawOptionsFor } from '../../src/explore/search.ts'
import type { Part } from '../../src/lab/part.ts'
import { compilePart } from '../../src/parts/compile.ts'
import { testLogger } from '../../src/testlog/logger.ts'
import { hunt, SLOW, scheduleOf } from './hunt.ts'

const part1 = await loadPart(await compilePart('part1'))
const part3 = await loadPart(await compilePart('part3'))
/** Its clusters change. */
const part7 = await loadPart(await compilePart('part7'))

/** Nothing happens in it but what a test adds. */
const CALM: Schedule = {
  seed: 1,
  servers: 3,
  durationMs: 2000,
  timeouts: 0,
  faults: [],
  commandsAtMs: [],
  file: null,
}

async function logOf(part: Part, schedule: Schedule): Promise<string> {
  let text = ''
  const stream = {
    write(line: string) {
      text += line
    },
  }
  await runSchedule(part, schedule, (clock) => testLogger(stream, 'a test', clock))
  return text
}

function faultsIn(log: string): object[] {
  const lines = log.trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line).fault).filter(Boolean)
}

test('a seed is the same run, byte for byte, also after it was saved as JSON', async () => {
  for (let seed = 1; seed <= 2; seed += 1) {
    const schedule = scheduleOf(part3, seed, 1)
    const log = await logOf(part3, schedule)
    expect(log.length).toBeGreaterThan(10_000)
    expect(await logOf(part3, scheduleOf(part3, seed, 1))).toBe(log)
    expect(await logOf(part3, JSON.parse(JSON.stringify(schedule)))).toBe(log)
  }
})

test('another seed is another run', () => {
  expect(scheduleOf(part3, 1)).not.toEqual(scheduleOf(part3, 2))
})

test('a run whose log is silent counts the same events', async () => {
  const schedule = scheduleOf(part3, 3, 1)
  const silent = await runSchedule(part3, schedule)
  const logged = await runSchedule(part3, schedule, () =>
    pino({ level: 'info' }, { write() {} }),
  )
  expect(logged).toEqual(silent)
})

test('seeds keep to the faults and the servers that were asked for', () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const options = drawOptionsFor(part3, {
      duration: 2,
      servers: 4,
      faults: ['loss', 'pause'],
    })
    const { servers, durationMs, faults, file } = drawSchedule(seed, options)
    expect({ servers, durationMs, file }).toEqual({
      servers: 4,
      durationMs: 2000,
      file: null,
    })
    for (const { kind } of faults) expect(['loss', 'pause']).toContain(kind)
  }
})

test('over the seeds every kind of fault is drawn, and every size of cluster', () => {
  const kinds = new Set<string>()
  const sizes = new Set<number>()
  for (let seed = 1; seed <= 300; seed += 1) {
    const { servers, faults, file } = scheduleOf(part3, seed)
    const changes = scheduleOf(part7, seed).faults
    for (const { kind } of [...faults, ...changes]) kinds.add(kind)
    if (file) kinds.add('file')
    sizes.add(servers)
  }
  expect([...kinds].sort()).toEqual([...FAULT_KINDS].sort())
  expect([...sizes].sort()).toEqual([1, 2, 3, 4, 5, 6, 7])
})

test('a part without storage is never crashed', () => {
  expect(drawOptionsFor(part1, { duration: 5 }).kinds).not.toContain('crash')
  expect(() => drawOptionsFor(part1, { duration: 5, faults: ['crash'] })).toThrow(
    'promises nothing about crashes',
  )
})

test('a crash strikes at the write that it waits for, and the server restarts', async () => {
  const log = await logOf(part3, {
    ...CALM,
    faults: [
      {
        kind: 'crash',
        server: 1,
        atMs: 0,
        forMs: 70,
        moment: { on: 'write', count: 1 },
      },
    ],
  })
  const crash = expect.objectContaining({ kind: 'crash', peer: 1 })
  const restart = expect.objectContaining({ kind: 'restart', peer: 1 })
  expect(faultsIn(log)).toEqual([crash, restart])
})

test('a fault counts its servers from the leader', async () => {
  const log = await logOf(part3, {
    ...CALM,
    faults: [
      { kind: 'disconnect', server: 0, fromLeader: true, atMs: 1000, forMs: 100 },
    ],
  })
  const lines = log
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const leader = lines.find(({ event, role }) => event === 'role' && role === 'Leader')
  const fault = lines.find(({ event }) => event === 'fault').fault
  expect(fault).toEqual({ kind: 'disconnect', peer: leader.server })
})

test('who is gone for good is not waited for, as long as a majority is left', async () => {
  const gone = (server: number) => ({ kind: 'disconnect', server, atMs: 100 }) as const
  const log = await logOf(part3, {
    ...CALM,
    servers: 5,
    faults: [gone(0), gone(3), gone(4)],
  })
  const faults = faultsIn(log)
  // A majority is brought back at the end, and the others when it has gone on without them.
  expect(
    faults.filter((fault) => 'kind' in fault && fault.kind === 'reconnect'),
  ).toEqual([
    { kind: 'reconnect', peer: 4 },
    { kind: 'reconnect', peer: 0 },
    { kind: 'reconnect', peer: 3 },
  ])
})

test('what a server throws is a violation, with what it says', SLOW, async () => {
  const { violation } = await hunt('commit-beyond-log', 100)
  expect(violation.invariant).toBe('No Exceptions')
  expect(violation.message).toContain('TypeError')
})

test('servers that talk without end are stopped', SLOW, async () => {
  const { violation } = await hunt('endless-retransmission', 100)
  expect(violation.invariant).toBe('Bounded Work')
})

test(
  'a cluster that does not recover is a violation, with the state of its servers',
  SLOW,
  async () => {
    const { violation } = await hunt('next-not-moved', 100)
    expect(violation.invariant).toBe('Availability')
    expect(violation.message).toMatch(
      /server 0 is (Leader|Follower) in term \d+, committed/,
    )
  },
)

test('a leader that does not stay is a violation', SLOW, async () => {
  const { violation } = await hunt('heartbeats-once', 100)
  expect(violation.message).toMatch(/within 400 ms it is|did not last for 150 ms/)
})

test('a file that was whole gives back everything, whatever happens', SLOW, () => {
  const { openFile } = part3.storage as NonNullable<Part['storage']>
  const steps: FileStory['steps'] = [
    { kind: 'vote', term: 1, votedFor: 0 },
    { kind: 'entry', index: 1, term: 1 },
    { kind: 'sync' },
    { kind: 'entry', index: 2, term: 1 },
    { kind: 'entry', index: 1, term: 1 },
  ]
  for (let share = 0; share < 1; share += 0.01) {
    runFileStory(openFile, { steps, trouble: { kind: 'torn', share } })
    runFileStory(openFile, { steps, trouble: { kind: 'sectors', shares: [share] } })
    runFileStory(openFile, { steps, trouble: { kind: 'damage', share } })
    runFileStory(openFile, { steps, trouble: { kind: 'zeros', share } })
  }
  for (const kind of ['power', 'killed', 'failure', 'second'] as const) {
    runFileStory(openFile, { steps, trouble: { kind } })
  }
})
