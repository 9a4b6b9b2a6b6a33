/** Storage: what is durable, and what is left of it after a crash at the worst moment. */
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  FileStorage,
  MemoryStorage,
  type Storage,
  StorageError,
} from '../src/storage.ts'

const folder = mkdtempSync(join(tmpdir(), 'raft-storage-'))
let filesMade = 0

/** A disk that others use, too, can be slow. */
const MANY_SYNCS_MS = 60_000

afterAll(() => rmSync(folder, { recursive: true }))

function newFile(): string {
  filesMade += 1
  return join(folder, `${filesMade}.log`)
}

const entry = (term: number, command: string) => ({ term, command })

/** A short life: terms, votes, entries, and entries that replace others. */
const LIFE: readonly ((storage: Storage) => void)[] = [
  (storage) => storage.saveTermAndVote(1, 0),
  (storage) => storage.saveEntries(1, [entry(1, 'a'), entry(1, 'b'), entry(1, 'c')]),
  (storage) => storage.sync(),
  (storage) => storage.saveTermAndVote(2, null),
  (storage) => storage.saveEntries(2, [entry(2, 'B – not ASCII: ☃')]),
  (storage) => storage.sync(),
  (storage) => storage.saveTermAndVote(2, 1),
  (storage) => storage.saveEntries(3, [entry(2, 'line\nbreak'), entry(2, '')]),
  (storage) => storage.sync(),
]

const END_OF_LIFE = {
  currentTerm: 2,
  votedFor: 1,
  log: [
    entry(1, 'a'),
    entry(2, 'B – not ASCII: ☃'),
    entry(2, 'line\nbreak'),
    entry(2, ''),
  ],
}

/** The states of the life after each of its records, the first included. */
function statesOfLife(): object[] {
  const memory = new MemoryStorage()
  const states: object[] = [{ ...memory.load() }]
  const save = (write: () => void) => {
    write()
    memory.sync()
    states.push({ ...memory.load() })
  }
  const oneByOne: Storage = {
    load: () => memory.load(),
    saveTermAndVote: (term, vote) => save(() => memory.saveTermAndVote(term, vote)),
    saveEntries: (index, entries) => {
      entries.forEach((e, i) => {
        save(() => memory.saveEntries(index + i, [e]))
      })
    },
    sync: () => {},
  }
  for (const act of LIFE) act(oneByOne)
  return states
}

function loadFile(file: string) {
  const storage = new FileStorage(file)
  try {
    const { currentTerm, votedFor, log } = storage.load()
    return { currentTerm, votedFor, log }
  } finally {
    storage.close()
  }
}

function writeLife(): string {
  const file = newFile()
  const storage = new FileStorage(file)
  storage.load()
  for (const act of LIFE) act(storage)
  storage.close()
  return file
}

describe.each([
  ['memory', () => new MemoryStorage()],
  ['file', () => new FileStorage(newFile())],
] as const)('%s', (_name, open) => {
  test('a new storage is empty', () => {
    expect(open().load()).toMatchObject({ currentTerm: 0, votedFor: null, log: [] })
  })
})

test('a file gives back what was saved', () => {
  expect(loadFile(writeLife())).toEqual(END_OF_LIFE)
})

test('a memory gives back what was saved', () => {
  const storage = new MemoryStorage()
  for (const act of LIFE) act(storage)
  expect(storage.load()).toEqual(END_OF_LIFE)
})

test('a crash of the memory takes all that was not synced, or some from the end', () => {
  for (const written of [0, 1, 2, 3]) {
    const storage = new MemoryStorage()
    storage.saveEntries(1, [entry(1, 'a'), entry(1, 'b'), entry(1, 'c')])
    storage.crash(() => (written + 0.5) / 4)
    expect(storage.load().log).toHaveLength(written)
  }
})

test(
  'a file that ends at any byte is read up to its last whole record',
  () => {
    const whole = readFileSync(writeLife())
    const states = statesOfLife()
    const file = newFile()
    let reached = 0
    for (let length = 0; length <= whole.length; length += 1) {
      writeFileSync(file, whole.subarray(0, length))
      const state = loadFile(file)
      // Each byte more gives the same state, or the next.
      if (JSON.stringify(state) !== JSON.stringify(states[reached])) reached += 1
      expect(state).toEqual(states[reached])
      // What was torn is gone from the file: the next record begins a line.
      expect(readFileSync(file).length).toBe(lastLineEnd(whole, length))
    }
    expect(reached).toBe(states.length - 1)
  },
  MANY_SYNCS_MS,
)

test('what is saved after a torn record was dropped is found again', () => {
  const file = writeLife()
  truncateSync(file, statSync(file).size - 3)
  const storage = new FileStorage(file)
  expect(storage.load().log).toHaveLength(3)
  storage.saveEntries(4, [entry(3, 'again')])
  storage.sync()
  storage.close()
  expect(loadFile(file).log.at(-1)).toEqual(entry(3, 'again'))
})

test(
  'a damaged record is refused, with the file and the place',
  () => {
    const whole = readFileSync(writeLife())
    const file = newFile()
    // Without its very last byte the last record is like one that was torn.
    for (let at = 0; at < whole.length - 1; at += 1) {
      const damaged = Buffer.from(whole)
      damaged[at] = (damaged[at] as number) ^ 0x08
      writeFileSync(file, damaged)
      const lineStart = lastLineEnd(whole, at)
      const error = errorOf(() => loadFile(file))
      expect(error).toBeInstanceOf(StorageError)
      expect(error?.message).toContain(
        `${file} is damaged at byte ${lineStart}: expected`,
      )
      // Nothing was changed: a person can still look at it.
      expect(readFileSync(file)).toEqual(damaged)
    }
  },
  MANY_SYNCS_MS,
)

test('a line that is missing in the middle is refused', () => {
  const lines = readFileSync(writeLife(), 'utf8').split('\n')
  const file = newFile()
  writeFileSync(file, lines.filter((_, i) => i !== 1 && i !== 2).join('\n'))
  expect(() => loadFile(file)).toThrow('expected entry 1 or one before it')
})

test('an append writes the new entries only', () => {
  const file = newFile()
  const storage = new FileStorage(file)
  storage.load()
  const sizes = [0]
  for (let i = 0; i < 3; i += 1) {
    const entries = Array.from({ length: 1_000 }, () => entry(1, 'same length'))
    storage.saveEntries(1 + i * 1_000, entries)
    storage.sync()
    sizes.push(statSync(file).size)
  }
  storage.close()
  const grown = sizes.slice(1).map((size, i) => size - (sizes[i] as number))
  // Only the digits of the index make a difference.
  expect((grown[2] as number) - (grown[0] as number)).toBeLessThan(2_000)
})

test('a file can be read by a person', () => {
  const [first, second] = readFileSync(writeLife(), 'utf8').split('\n')
  expect(first).toMatch(/^[0-9a-f]{8} {"term":1,"votedFor":0}$/)
  expect(second).toMatch(/^[0-9a-f]{8} {"index":1,"term":1,"command":"a"}$/)
})

test('a file that cannot be opened is a clear error', () => {
  const path = join(folder, 'no such folder', 'x.log')
  expect(() => new FileStorage(path)).toThrow(`cannot open ${path}: `)
})

test('after a failed sync nothing is promised any more', () => {
  const storage = new FileStorage(newFile())
  storage.load()
  storage.close() // Every write to a closed file fails.
  storage.saveEntries(1, [entry(1, 'a')])
  const failure = errorOf(() => storage.sync())
  expect(failure).toBeInstanceOf(StorageError)
  expect(failure?.message).toContain('cannot write')
  // The very same error: it was not tried again.
  expect(errorOf(() => storage.sync())).toBe(failure)
  expect(errorOf(() => storage.saveTermAndVote(1, 0))).toBe(failure)
})

test('a file that was never a log is refused, and left as it is', () => {
  const file = newFile()
  for (const text of ['not a log\n', 'not a log\nat all\nand torn', '\r\n']) {
    writeFileSync(file, text)
    expect(() => loadFile(file)).toThrow('is damaged at byte 0: expected a record')
    expect(readFileSync(file, 'utf8')).toBe(text)
  }
})

test('space that the disk had made ready for more is dropped', () => {
  const file = writeLife()
  appendFileSync(file, Buffer.alloc(100))
  expect(loadFile(file)).toEqual(END_OF_LIFE)
})

function errorOf(act: () => void): Error | null {
  try {
    act()
    return null
  } catch (error) {
    return error as Error
  }
}

/** Where the last line ends that is whole within the first `length` bytes. */
function lastLineEnd(bytes: Buffer, length: number): number {
  return bytes.subarray(0, length).lastIndexOf(10) + 1
}
