/** Parts, files and machines that the explorer must not be taken in by. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execaSync } from 'execa'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { ROOT } from '../../src/cli/root.ts'
import { readCase, saveCase } from '../../src/explore/case.ts'
import { Explorer, NO_END } from '../../src/explore/explore.ts'
import { loadPart } from '../../src/explore/load.ts'
import { runSchedule } from '../../src/explore/run.ts'
import { drawOptionsFor } from '../../src/explore/search.ts'
import { compilePart } from '../../src/parts/compile.ts'
import { makePipe } from '../pipe.ts'
import { SLOW, scheduleOf } from './hunt.ts'

const folder = mkdtempSync(join(tmpdir(), 'hostile cases '))
afterAll(() => rmSync(folder, { recursive: true }))

const PATH = 'part1/src/raft.ts'
const SOURCE = readFileSync(join(ROOT, PATH), 'utf8')

/** Part 1 with something done whenever an election begins. */
function partThat(deed: string): Promise<string> {
  const head = /private startElection\(\): void \{/
  const text = SOURCE.replace(head, (line) => `${line}\n${deed}`)
  expect(text).not.toBe(SOURCE)
  return compilePart('part1', { path: PATH, text })
}

interface SearchOptions {
  readonly seeds: number
  readonly keepGoing?: boolean
  readonly seconds?: number
}

async function searchFor(deed: string, options: SearchOptions) {
  const { seeds, keepGoing = false, seconds = 60 } = options
  const code = await partThat(deed)
  const draw = drawOptionsFor(await loadPart(code), { duration: 1 })
  const explorer = await Explorer.create(2, { seconds, megabytes: 100 })
  try {
    return await explorer.search({ code, from: 1, seeds, draw, keepGoing })
  } finally {
    await explorer.close()
  }
}

describe('a part', SLOW, () => {
  test('that has no end breaks a rule, by the seed that shows it', async () => {
    const { found } = await searchFor('for (;;) {}', { seeds: 40, seconds: 1.5 })
    expect(found.map(({ seed, violation }) => [seed, violation.invariant])).toEqual([
      [1, NO_END],
    ])
    expect(found[0]?.violation.message).toContain('after 1.5 s of real time')
  })

  test('that has no end with some seeds is searched through all the same', async () => {
    const deed = 'if (this.currentTerm > 4) for (;;) {}'
    const { found, seeds } = await searchFor(deed, {
      seeds: 6,
      keepGoing: true,
      seconds: 1.5,
    })
    expect(seeds).toBe(6)
    expect(found.length).toBeGreaterThan(0)
    expect(found.length).toBeLessThan(6)
  })

  test('that takes all memory breaks the same rule', async () => {
    const deed = 'const all: unknown[] = []; for (;;) all.push(new Array(100).fill(0.5))'
    const { found } = await searchFor(deed, { seeds: 1 })
    expect(found[0]?.violation).toMatchObject({
      invariant: NO_END,
      message: `${NO_END}: it took 100 MB of memory, and more`,
    })
  })

  test('that rejects a promise which nobody waits for breaks a rule', async () => {
    const { found } = await searchFor("void Promise.reject(new Error('alone'))", {
      seeds: 1,
    })
    const { invariant, message } = found[0]?.violation ?? {}
    expect(invariant).toBe('No Exceptions')
    expect(message).toContain('Error: alone; in a promise that nobody waits for')
  })

  test('that throws in a timer of the machine breaks a rule', async () => {
    const deed = "setTimeout(() => { throw new Error('by itself') }, 0)"
    const { found } = await searchFor(deed, { seeds: 40 })
    expect(found[0]?.violation.message).toContain('Error: by itself')
  })

  test('with a mistake in its syntax is named by file, line and column', async () => {
    const text = SOURCE.replace('export class', 'export clas')
    const line = text.slice(0, text.indexOf('export clas')).split('\n').length
    await expect(compilePart('part1', { path: PATH, text })).rejects.toThrow(
      `part1 cannot be compiled: ${PATH}:${line}:8: Unexpected "clas"`,
    )
  })

  test('without its class is named by what is missing', async () => {
    const text = SOURCE.replace('export class ConsensusModule', 'export class Module')
    await expect(compilePart('part1', { path: PATH, text })).rejects.toThrow(
      /part1\/test\/lab\.ts:\d+:\d+: No matching export in "part1\/src\/raft\.ts"/,
    )
  })

  test('that cannot be loaded is told in a sentence', async () => {
    const text = `${SOURCE}\nthrow new Error('not yet')\n`
    const code = await compilePart('part1', { path: PATH, text })
    await expect(loadPart(code)).rejects.toThrow(
      'the part cannot be loaded: Error: not yet',
    )
  })
})

test('a machine that keeps no file is told of, and not the part', SLOW, async () => {
  const part = await loadPart(await compilePart('part3'))
  const seeds = Array.from({ length: 50 }, (_, seed) => scheduleOf(part, seed, 0.1))
  const schedule = seeds.find(({ file }) => file !== null)
  expect(schedule).toBeDefined()
  vi.stubEnv('TMPDIR', join(folder, 'no such folder'))
  try {
    await expect(runSchedule(part, schedule ?? scheduleOf(part, 1))).rejects.toThrow(
      'ENOENT',
    )
  } finally {
    vi.unstubAllEnvs()
  }
})

const SCHEDULE = {
  ...{ seed: 1, servers: 3, durationMs: 1000, timeouts: 0, faults: [] },
  ...{ commandsAtMs: [], file: null },
}
const violation = { invariant: 'a', message: 'b', atMs: 1 }
const CASE = { part: 'part3', foundWithSeed: 1, violation, schedule: SCHEDULE }

const withSchedule = (fields: object) => ({
  ...CASE,
  schedule: { ...SCHEDULE, ...fields },
})
const withFault = (fault: object) => withSchedule({ faults: [{ atMs: 1, ...fault }] })

describe('a case', () => {
  const file = join(folder, 'case.json')

  test('that is drawn can be saved, and read again', SLOW, async () => {
    for (const name of ['part1', 'part2', 'part3']) {
      const part = await loadPart(await compilePart(name))
      for (let seed = 1; seed <= 100; seed += 1) {
        const schedule = scheduleOf(part, seed)
        const found = { ...CASE, part: name, foundWithSeed: seed, schedule }
        if (seed === 1) await saveCase(file, found)
        else writeFileSync(file, JSON.stringify(found))
        expect(await readCase(file)).toEqual(JSON.parse(JSON.stringify(found)))
      }
    }
  })

  test.each<[string, object, string]>([
    ['of no part', { ...CASE, part: '../part3' }, 'part: it can be like part3'],
    ['of too many servers', withSchedule({ servers: 1e9 }), 'schedule.servers: '],
    ['without servers', withSchedule({ servers: 0 }), 'schedule.servers: '],
    ['without an end', withSchedule({ durationMs: 1e12 }), 'schedule.durationMs: '],
    ['of a seed too large', withSchedule({ seed: 2 ** 32 }), 'schedule.seed: '],
    ['of endless commands', withSchedule({ commandLength: 1e9, commandsAtMs: [1] }), ''],
    ['with a word more', withSchedule({ quake: 1 }), 'schedule: Unrecognized key'],
    ['of no kind', withFault({ kind: 'quake' }), 'schedule.faults.0.kind: '],
    ['of a server 99', withFault({ kind: 'pause', server: 99 }), 'faults.0.server: '],
    [
      'of a server that is not there',
      withFault({ kind: 'pause', server: 3 }),
      'faults.0',
    ],
    ['of a chance of −5', withFault({ kind: 'loss', chance: -5 }), 'faults.0.chance: '],
    ['of a chance of 7', withFault({ kind: 'loss', chance: 7 }), 'faults.0.chance: '],
    [
      'of a rate of 0',
      withFault({ kind: 'clock', server: 0, rate: 0 }),
      'faults.0.rate',
    ],
    [
      'of a moment that never comes',
      withFault({ kind: 'crash', server: 0, moment: { on: 'sunday' } }),
      'schedule.faults.0.moment: ',
    ],
    [
      'of a disk that takes no time',
      withFault({ kind: 'slow-disk', server: 0, speed: { syncMs: 0 } }),
      'schedule.faults.0.speed.syncMs: ',
    ],
    [
      'of a trouble that is none',
      withSchedule({ file: { steps: [], trouble: { kind: 'rust' } } }),
      'schedule.file.trouble.kind: ',
    ],
  ])('%s is refused, with the place', async (_what, found, place) => {
    writeFileSync(file, JSON.stringify(found))
    const failure = await readCase(file).catch((error: Error) => error)
    expect(failure).toMatchObject({ name: 'UsageError' })
    const { message } = failure as Error
    expect(message).toContain(`${file} is no case that the explorer saved: `)
    expect(message).toContain(place)
  })

  test.each<[string, string | Buffer | null]>([
    ['is empty', ''],
    ['is no JSON', '{"part":'],
    ['is UTF-16', Buffer.from(JSON.stringify(CASE), 'utf16le')],
    ['is nested without end', '['.repeat(200_000)],
    ['is a pipe', null],
  ])('that %s is refused', async (_what, text) => {
    const path = join(folder, 'other')
    rmSync(path, { force: true })
    if (text === null) makePipe(path)
    else writeFileSync(path, text)
    await expect(readCase(path)).rejects.toThrow(/^cannot read .*other: /)
  })
})

test('a replay leaves its case as it was', SLOW, async () => {
  const main = join(ROOT, 'tools/src/explore/cli.ts')
  const file = join(folder, 'replay.log')
  writeFileSync(file, JSON.stringify(CASE))
  const args = ['--replay', file, '--out-dir', folder, '--no-open']
  execaSync(process.execPath, ['--import', 'tsx', main, ...args], { cwd: ROOT })
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(CASE)
})
