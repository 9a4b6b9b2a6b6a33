/** What a crash leaves of two files: a snapshot, and the log that is to follow on it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FolderStep, type OpenFolder, runFolderStory } from 'tools/explore/folder'
import { afterAll, expect, test } from 'vitest'
import { NOBODY } from '../src/configuration.ts'
import type { LogEntry } from '../src/raft.ts'
import { FileStorage } from '../src/storage.ts'
import { part } from './lab.ts'

const folder = mkdtempSync(join(tmpdir(), 'raft-crashes-'))

afterAll(() => rmSync(folder, { recursive: true }))

const LATER: LogEntry = { term: 3, command: 'later' }

function entriesOf(term: number, count: number): LogEntry[] {
  return Array.from({ length: count }, (_, i) => ({ term, command: `${i + 1}` }))
}

test.each([
  ['ends before the snapshot', entriesOf(1, 2), []],
  ['has another entry where the snapshot ends', entriesOf(1, 8), []],
  ['holds the entry where the snapshot ends', entriesOf(2, 8), entriesOf(2, 8).slice(5)],
])(
  'a crash between an installed snapshot and its log: the old one %s',
  (name, entries, kept) => {
    const file = join(folder, `${name}.log`)
    const first = new FileStorage(file)
    first.load()
    first.saveTermAndVote(2, 1)
    first.saveEntries(1, entries)
    first.sync()
    const last = { index: 5, term: 2 }
    const snapshot = first.beginSnapshot({ ...last, placed: NOBODY })
    snapshot.write('{"x":1}\n')
    snapshot.end()
    first.close()

    const second = new FileStorage(file)
    expect(second.load()).toMatchObject({ base: last, log: kept })
    second.saveEntries(last.index + kept.length + 1, [LATER])
    second.sync()
    second.close()

    const third = new FileStorage(file)
    const state = { currentTerm: 2, votedFor: 1, base: last, log: [...kept, LATER] }
    expect(third.load()).toMatchObject(state)
    third.close()
  },
)

/** The leader's snapshot, up to entry 20, finds a log that … */
const LOGS = [
  ['ends before it', 0, { ahead: 9, isOther: false }],
  ['has another entry where it ends', 13, { ahead: -4, isOther: true }],
  ['holds the entry where it ends', 13, { ahead: -4, isOther: false }],
] as const

test.each(LOGS)(
  'power fails at each step, and an installed snapshot finds a log that %s',
  { timeout: 120_000 },
  (_, more, snapshot) => {
    const steps: FolderStep[] = [
      { kind: 'vote', votedFor: 0 },
      { kind: 'entries', count: 8, back: 0 },
      { kind: 'take', behind: 3, meanwhile: 3 },
      { kind: 'vote', votedFor: null },
      { kind: 'entries', count: more, back: 0 },
      { kind: 'install', ...snapshot },
      { kind: 'entries', count: 2, back: 0 },
      { kind: 'vote', votedFor: 1 },
    ]
    const openFolder = part.storage?.openFolder as OpenFolder
    for (let count = 0; count <= steps.length; count += 1) {
      const story = { steps: steps.slice(0, count), failsAfter: 0 }
      while (!runFolderStory(openFolder, story)) story.failsAfter += 1
    }
  },
)
