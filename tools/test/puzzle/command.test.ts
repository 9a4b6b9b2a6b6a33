/** The command, in a copy of the repository: what a reader has done is theirs. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ROOT } from '../../src/cli/root.ts'
import { readPuzzles } from '../../src/puzzle/puzzles.ts'
import { riddleOf } from '../../src/puzzle/riddle.ts'
import { Scratch } from '../docs/scratch.ts'
import { SLOW } from '../explore/hunt.ts'

const scratch = new Scratch(ROOT)
afterAll(() => scratch.remove())

const [first, second] = readPuzzles() as [Puzzle, Puzzle]
type Puzzle = ReturnType<typeof readPuzzles>[number]
const riddle = riddleOf(first.mistake)
const folder = join(scratch.folder, 'puzzles', String(first.number), first.mistake.part)

async function puzzle(args: string) {
  const { output, exitCode } = await scratch.run(
    `node --import tsx tools/src/puzzle/cli.ts ${args}`,
  )
  return { output, exitCode, json: () => JSON.parse(output) }
}

test('a puzzle is solved, and the next one is another', SLOW, async () => {
  const opened = await puzzle('')
  expect(opened.exitCode).toBe(0)
  expect(opened.output).toContain(`Puzzle ${first.number}: ${first.mistake.part}, easy`)
  expect(opened.output).toContain(
    `code      puzzles/${first.number}/${first.mistake.part}/src`,
  )
  const wrong = await puzzle(`--solve ${riddle.file}:1`)
  expect(wrong).toMatchObject({ exitCode: 1 })
  expect(wrong.output).toMatch(/^No: /)
  const firstHint = await puzzle('--hint')
  expect(firstHint.output).toMatch(/^Hint 1 of 3 .*\n?$/)
  const more = await puzzle('--hint --json')
  expect(more.json()).toMatchObject({ puzzle: first.number, of: 3 })
  expect(more.json().hints).toHaveLength(2)
  const right = await puzzle(`--solve '${folder}/${riddle.file}:${riddle.lines[0]}:5'`)
  expect(right.exitCode).toBe(0)
  expect(right.output).toMatch(/^Right: .* with 2 tries and 2 hints\./)
  expect(right.output).toContain(first.mistake.title)
  expect(right.output).toContain(first.mistake.diff.trimEnd().split('\n').at(-1))
  const next = await puzzle('--json')
  expect(next.json()).toMatchObject({ state: 'open', tries: 0, hints: [] })
  expect(next.json().puzzle).not.toBe(first.number)
})

test('nothing in the folder or on the pages names the mistake', SLOW, async () => {
  const { output, json } = await puzzle(`--puzzle ${first.number} --json`)
  const { log } = json()
  const page = `${log.slice(0, -'.log'.length)}.html`
  const { name, title } = first.mistake
  for (const text of [
    output,
    readFileSync(join(scratch.folder, log), 'utf8'),
    readFileSync(join(scratch.folder, page), 'utf8'),
    readFileSync(join(folder, riddle.file), 'utf8'),
  ]) {
    expect(text).not.toContain(name)
    expect(text).not.toContain(title)
  }
})

test('the same puzzle with the same seed is the same run', SLOW, async () => {
  const args = `--puzzle ${second.number} --seed 3 --json`
  const once = await puzzle(args)
  const log = () => readFileSync(join(scratch.folder, once.json().log), 'utf8')
  const before = log()
  scratch.run(`rm -r puzzles/${second.number}`)
  expect((await puzzle(args)).output).toBe(once.output)
  expect(log()).toBe(before)
})

test('a test of the part runs on the puzzle’s folder, and so does the explorer', {
  timeout: 4 * SLOW.timeout,
}, async () => {
  const { output } = await puzzle(`--puzzle ${first.number} --json`)
  const { folder: name } = JSON.parse(output)
  expect(name).toBe(`puzzles/${first.number}/${first.mistake.part}`)
  const listed = await scratch.run(`./dotest.sh ${name} nosuch`)
  expect(listed.output).toContain('half of an even cluster is no majority')
  const later = JSON.parse((await puzzle('--next --part part6 --json')).output)
  const found = await scratch.run(`./dotest.sh ${later.folder} nosuch`)
  expect(found.output).toContain('half of an even cluster is no majority')
  const run = await scratch.run(`./dotest.sh ${name} 'comes back' --no-open`)
  expect(run.output).toMatch(/^(PASS|FAIL) {2}/m)
  expect(run.output).toContain(`timelines/${name}`)
  const explored = await scratch.run(
    `node --import tsx tools/src/explore/cli.ts ${name} --seeds 50 --no-open`,
  )
  expect(explored.exitCode).toBe(1)
  expect(explored.output).toContain(`npm run explore -- ${name}`)
})

test('a copy that was mended breaks no rule', SLOW, async () => {
  await puzzle(`--puzzle ${first.number}`)
  const still = await puzzle('--again')
  expect(still.exitCode).toBe(1)
  const file = join(folder, riddle.file)
  const mistaken = readFileSync(file, 'utf8')
  writeFileSync(file, readFileSync(join(scratch.folder, first.mistake.path), 'utf8'))
  expect(await puzzle('--again')).toMatchObject({ exitCode: 0 })
  writeFileSync(file, `${mistaken}}`)
  const broken = await puzzle('--again')
  expect(broken.exitCode).toBe(2)
  expect(broken.output).toMatch(
    /^error: puzzles\/\d+\/part\d+ cannot be compiled: puzzles\/\d+/,
  )
  // A reader's own lines move the others.
  writeFileSync(file, `// Where can it be?\n${mistaken}`)
  const line = (riddle.lines[0] ?? 0) + 1
  expect(await puzzle(`--solve ${riddle.file}:${line}`)).toMatchObject({ exitCode: 0 })
})

test('who gives up is told, and does not get it again', SLOW, async () => {
  const { number } = (await puzzle('--next --difficulty hard --json')).json()
  const given = await puzzle('--give-up --json')
  const { explanation } = given.json()
  expect(given.exitCode).toBe(0)
  expect(Object.keys(explanation)).toEqual([
    ...['mistake', 'title', 'story', 'breaks', 'seen', 'sources', 'file', 'lines'],
    'diff',
  ])
  const next = (await puzzle('--difficulty hard --json')).json()
  expect(next).toMatchObject({ difficulty: 'hard', state: 'open' })
  expect(next.puzzle).not.toBe(number)
  const rows = (await puzzle('--list --json')).json()
  expect(rows).toHaveLength(readPuzzles().length)
})

test.each([
  ['--solve src/raft.ts', '"src/raft.ts" is no place'],
  ['--solve src/none.ts:1', 'the puzzle has no src/none.ts'],
  ['--solve src/raft.ts:9999', 'has the lines 1 to'],
  ['--puzzle 999', 'there is no puzzle 999'],
  ['--part part99', 'there is no part99'],
  ['--difficulty fiendish', 'Allowed choices are easy, medium, hard'],
  ['--hint --give-up', 'cannot be used with'],
])('puzzle %s is refused in a sentence', SLOW, async (args, sentence) => {
  const { output, exitCode } = await puzzle(args)
  expect(exitCode).toBe(2)
  expect(output).toContain(sentence)
  expect(output).not.toMatch(/\n\s+at /)
})

test(
  'progress is forgotten when somebody asks, and the folders stay',
  SLOW,
  async () => {
    await puzzle(`--puzzle ${first.number}`)
    expect(await puzzle('--reset')).toMatchObject({ exitCode: 0 })
    expect(existsSync(folder)).toBe(true)
    const hint = await puzzle('--hint')
    expect(hint.exitCode).toBe(2)
    expect(hint.output).toContain('no puzzle is open')
    await scratch.run('echo nonsense > puzzles/progress.json')
    const spoilt = await puzzle('')
    expect(spoilt.exitCode).toBe(2)
    expect(spoilt.output).toContain('begin anew with --reset')
    await puzzle('--reset')
  },
)
