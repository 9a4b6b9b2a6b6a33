import { expect, test } from 'vitest'
import { caseSchema } from '../../src/explore/case-schema.ts'
import { describeSchedule } from '../../src/explore/describe.ts'
import {
  type FolderStory,
  type OpenFolder,
  runFolderStory,
} from '../../src/explore/folder.ts'
import { loadPart } from '../../src/explore/load.ts'
import type { Schedule } from '../../src/explore/schedule.ts'
import { mustBear } from '../../src/explore/search.ts'
import { compilePart } from '../../src/parts/compile.ts'
import { compileMistake, findMistake } from '../../src/parts/mistake.ts'
import { SLOW, scheduleOf } from './hunt.ts'

const part5 = await loadPart(await compilePart('part5'))
const part6 = await loadPart(await compilePart('part6'))
const seeds = Array.from({ length: 1000 }, (_, i) => i + 1)

/** With a story, and nothing else to tell of. */
const calm = { faults: [], file: null, lease: false, commandLength: 0 }

function storiesOf(part: typeof part6): Schedule[] {
  return seeds.map((seed) => scheduleOf(part, seed)).filter(({ folder }) => folder)
}

async function openerOf(mistake: string): Promise<OpenFolder> {
  const part = await loadPart(await compileMistake(findMistake(mistake)))
  return part.storage?.openFolder as OpenFolder
}

test(
  'a folder gives back what was promised, whatever a loss of power leaves',
  SLOW,
  () => {
    const stories = storiesOf(part6).map(({ folder }) => folder as FolderStory)
    const kinds = stories.flatMap(({ steps }) => steps.map(({ kind }) => kind))
    expect(new Set(kinds)).toEqual(new Set(['vote', 'entries', 'take', 'install']))
    const hasLasted = stories.map((story) =>
      runFolderStory(part6.storage?.openFolder as OpenFolder, story),
    )
    // Power fails within a step, and after it.
    expect(new Set(hasLasted)).toEqual(new Set([true, false]))
  },
)

test('a part without snapshots has no such stories', () => {
  expect(storiesOf(part5)).toEqual([])
  const schedule = { ...(storiesOf(part6)[0] as Schedule), ...calm }
  const refusal = 'part5 promises nothing about what this schedule has: files'
  expect(() => mustBear(part5, 'part5', schedule)).toThrow(refusal)
})

/** What is told of a life, wherever power fails in its last step. */
function toldOf(openFolder: OpenFolder, steps: FolderStory['steps']): Set<string> {
  const told = new Set<string>()
  let isOver = false
  for (let failsAfter = 0; !isOver && failsAfter < 60; failsAfter += 1) {
    try {
      isOver = runFolderStory(openFolder, { steps, failsAfter })
    } catch (error) {
      told.add((error as Error).message)
    }
  }
  return told
}

test('what is cut too early is missed when power fails before the snapshot is whole', async () => {
  const steps = [
    { kind: 'entries', count: 4, back: 0 },
    { kind: 'take', behind: 1, meanwhile: 0 },
  ] as const
  const told = toldOf(await openerOf('cut-before-durable'), steps)
  expect([...told].join('\n')).toContain(
    'Durability: the life after a loss of power cannot begin: …/log.1 follows on a ' +
      'snapshot that is not there',
  )
  expect(toldOf(part6.storage?.openFolder as OpenFolder, steps)).toEqual(new Set())
})

test('a name is lost that the folder was not synced for', async () => {
  const steps = [{ kind: 'install', ahead: 3, isOther: false }] as const
  const told = toldOf(await openerOf('rename-not-synced'), steps)
  expect([...told].join('\n')).toContain(
    'Durability: after a loss of power the snapshot up to 3 is not there',
  )
  expect(toldOf(part6.storage?.openFolder as OpenFolder, steps)).toEqual(new Set())
})

test('a story can be told, and saved', () => {
  const folder: FolderStory = {
    steps: [
      { kind: 'vote', votedFor: null },
      { kind: 'entries', count: 1, back: 2 },
      { kind: 'take', behind: 1, meanwhile: 2 },
      { kind: 'install', ahead: -3, isOther: true },
    ],
    failsAfter: 7,
  }
  const schedule = { ...(storiesOf(part6)[0] as Schedule), ...calm, folder }
  expect(describeSchedule(schedule).slice(1)).toEqual([
    'a log and its snapshots are given: a term, and a vote for null; 1 entry in place of ' +
      'the last 2, if their term is an earlier one; a snapshot of all but the last 1 ' +
      'entry, and 2 entries meanwhile; a leader’s snapshot, which ends 3 entries before ' +
      'the log’s end, where another entry stands here',
    'and then: power is lost after 7 operations of the last of that, or its end',
  ])
  const violation = { invariant: 'a rule', message: 'it broke', atMs: 1 }
  const found = { part: 'part6', foundWithSeed: 1, violation, schedule }
  expect(caseSchema.parse(found)).toEqual(found)
})
