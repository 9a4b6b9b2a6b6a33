/** Storage: what is durable, and what is left of it after a crash at the worst moment. */
import { execFileSync } from 'node:child_process'
import fs, {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
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
  base: { index: 0, term: 0 },
  log: [
    entry(1, 'a'),
    entry(2, 'B – not ASCII: ☃'),
    entry(2, 'line\nbreak'),
    entry(2, ''),
  ],
  remark: null,
}

function loadFile(file: string) {
  const storage = new FileStorage(file)
  try {
    const { currentTerm, votedFor, base, log, remark } = storage.load()
    return { currentTerm, votedFor, base, log, remark }
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

test('a line that is missing, or stands twice, is refused', () => {
  const lines = readFileSync(writeLife(), 'utf8').split(/(?<=\n)/)
  const file = newFile()
  const second = lines[0]?.length
  for (const changed of [lines.toSpliced(1, 1), lines.toSpliced(1, 0, lines[0] ?? '')]) {
    writeFileSync(file, changed.join(''))
    expect(() => loadFile(file)).toThrow(
      `is damaged at byte ${second}: expected a record`,
    )
  }
})

/** Records that were written as they are, and cannot follow on those before them. */
test.each([
  ['entry 0', (storage: Storage) => storage.saveEntries(0, [entry(1, 'x')])],
  ['a gap', (storage: Storage) => storage.saveEntries(3, [entry(1, 'x')])],
  ['an old term', (storage: Storage) => storage.saveTermAndVote(4, null)],
])('%s is refused', (_name, act) => {
  const file = newFile()
  const storage = new FileStorage(file)
  storage.saveTermAndVote(5, null)
  storage.saveEntries(1, [entry(5, 'a')])
  storage.sync()
  const { size } = statSync(file)
  act(storage)
  storage.sync()
  storage.close()
  expect(String(errorOf(() => loadFile(file)))).toBe(
    `StorageError: ${file} is damaged at byte ${size}: expected entry 2 or one before ` +
      'it, or a term from 5 on. Nothing in it was changed. Without it, or with an older ' +
      'one, this server must not start: it could break promises that it made',
  )
})

test('what was written and not synced is synced before it is believed', () => {
  const file = newFile()
  const killed = new FileStorage(file)
  killed.load()
  killed.saveEntries(1, [entry(1, 'a')])
  // The process ends between the write and the sync; the computer goes on.
  withFs(
    {
      fdatasyncSync: () => {
        throw new Error('killed')
      },
    },
    () => {
      expect(() => killed.sync()).toThrow('killed')
    },
  )
  killed.close()
  const synced: number[] = []
  const storage = new FileStorage(file)
  withFs({ fdatasyncSync: (fd: number) => synced.push(fs.fstatSync(fd).size) }, () => {
    expect(storage.load().log).toEqual([entry(1, 'a')])
  })
  storage.close()
  expect(synced).toEqual([statSync(file).size])
})

test('records are found in whichever pieces of the file they stand', () => {
  const file = newFile()
  const storage = new FileStorage(file)
  storage.load()
  const entries = [300_000, 400_000, 1_300_000, 10, 700_000].map((length) =>
    entry(1, '☃ x"'.repeat(length / 4)),
  )
  entries.forEach((e, i) => {
    storage.saveEntries(1 + i, [e])
    storage.sync()
  })
  storage.close()
  expect(loadFile(file).log).toEqual(entries)
  truncateSync(file, statSync(file).size - 1)
  expect(loadFile(file).log).toEqual(entries.slice(0, 4))
})

test('a file is read once', () => {
  const file = writeLife()
  expect(bytesReadFrom(file)).toBe(statSync(file).size)

  const long = newFile()
  const storage = new FileStorage(long)
  const entries = Array.from({ length: 220 }, () => entry(1, 'x'.repeat(10_000)))
  storage.saveEntries(1, entries)
  storage.sync()
  storage.close()
  // A record that goes on in the next piece is read again.
  const { size } = statSync(long)
  expect(bytesReadFrom(long)).toBeLessThan(1.02 * size)
})

function bytesReadFrom(file: string): number {
  const { readSync } = fs
  let read = 0
  withFs(
    {
      readSync: (...args: Parameters<typeof readSync>) => {
        const count = readSync(...args)
        read += count
        return count
      },
    },
    () => loadFile(file),
  )
  return read
}

test('a file is read whole though the system gives few bytes at a time', () => {
  const file = writeLife()
  const { readSync } = fs
  const few = (fd: number, into: Buffer, at: number, length: number, from: number) => {
    if (at + length > into.length) throw new Error('there is no room for it')
    return readSync(fd, into, at, Math.min(length, 7), from)
  }
  withFs({ readSync: few }, () => expect(loadFile(file)).toEqual(END_OF_LIFE))
  // Another program makes it shorter while it is read.
  const { size } = statSync(file)
  const lessAndLess = (...args: Parameters<typeof few>) => {
    truncateSync(file, size - 10)
    return few(...args)
  }
  withFs({ readSync: lessAndLess }, () => {
    expect(String(errorOf(() => loadFile(file)))).toBe(
      `StorageError: cannot read ${file}: it ends at byte ${size - 10}`,
    )
  })
})

test('a file of more than 2 GiB that is something else is refused', () => {
  const file = newFile()
  writeFileSync(file, 'something else\n')
  truncateSync(file, 2 ** 31 + 2 ** 20)
  expect(() => loadFile(file)).toThrow(`${file} is damaged at byte 0: expected a record`)
  rmSync(file)
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
  // Only the digits of the numbers make a difference.
  expect((grown[2] as number) - (grown[0] as number)).toBeLessThan(10_000)
})

test('a file can be read by a person', () => {
  const [first, second] = readFileSync(writeLife(), 'utf8').split('\n')
  expect(first).toMatch(/^[0-9a-f]{8} 23 0 {"term":1,"votedFor":0}$/)
  expect(second).toMatch(/^[0-9a-f]{8} 34 38 {"index":1,"term":1,"command":"a"}$/)
})

test('the records that the code’s own text shows are those that it writes', () => {
  const source = readFileSync(new URL('../src/storage.ts', import.meta.url), 'utf8')
  const shown = [...source.matchAll(/^ \* {5}([0-9a-f]{8} .*\n)/gm)].map(
    ([, line]) => line,
  )
  const file = newFile()
  const storage = new FileStorage(file)
  storage.saveTermAndVote(1, 0)
  storage.saveEntries(1, [entry(1, 'x=1')])
  storage.sync()
  storage.close()
  expect(shown.join('')).toBe(readFileSync(file, 'utf8'))
})

test('a file that cannot be opened is a clear error', () => {
  const path = join(folder, 'no such folder', 'x.log')
  expect(() => new FileStorage(path)).toThrow(`cannot open ${path}: `)
})

test('what is no file is refused at once', () => {
  const pipe = newFile()
  execFileSync('sh', ['-c', 'mkfifo "$0"', pipe])
  const links = ['/dev/null', '/dev/zero'].map((device) => {
    const link = newFile()
    symlinkSync(device, link)
    return link
  })
  for (const path of [pipe, ...links]) {
    const error = errorOf(() => new FileStorage(path))
    expect(String(error)).toBe(`StorageError: ${path} is not a file`)
  }
  expect(() => new FileStorage(folder)).toThrow(`cannot open ${folder}: EISDIR`)
})

// Not as in part5: what tells who has it is open as well, and locked.
test('the name of a file is synced too, and nothing else stays open', () => {
  const file = newFile()
  const open = new Map<number, fs.PathLike>()
  const synced: unknown[] = []
  const { openSync, closeSync } = fs
  const noted = {
    openSync: (...args: Parameters<typeof openSync>) => {
      const fd = openSync(...args)
      open.set(fd, args[0])
      return fd
    },
    closeSync: (fd: number) => {
      open.delete(fd)
      closeSync(fd)
    },
    fsyncSync: (fd: number) => synced.push(open.get(fd)),
  }
  withFs(noted, () => {
    const storage = new FileStorage(file)
    expect(synced).toEqual([folder])
    expect([...open.values()]).toEqual([`${file}.pid`, file])
    expect(() => new FileStorage(file)).toThrow('is in use by')
    expect(open.size).toBe(2)
    storage.close()
    expect(open.size).toBe(0)
  })
  expect(readFileSync(`${file}.pid`, 'utf8')).toBe('')
})

test('who comes second is told who has the file', () => {
  const file = newFile()
  const storage = new FileStorage(file)
  const refusal = () => String(errorOf(() => new FileStorage(file)))
  const refusalBy = (who: string) =>
    `StorageError: ${file} is in use by ${who}. Two servers with one memory would vote ` +
    'twice: stop that one first'
  expect(refusal()).toBe(refusalBy(`process ${process.pid}`))
  for (const text of ['', '12', '12\n3', 'a12\n', 'other\n']) {
    writeFileSync(`${file}.pid`, text)
    expect(refusal()).toBe(refusalBy('another process'))
  }
  rmSync(`${file}.pid`)
  expect(refusal()).toBe(refusalBy('another process'))
  storage.close()
  new FileStorage(file).close()
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

/** Puts other functions in the place of some of node:fs while `act` runs. */
function withFs(
  functions: Partial<Record<keyof typeof fs, unknown>>,
  act: () => void,
): void {
  const names = Object.keys(functions) as (keyof typeof fs)[]
  const real = Object.fromEntries(names.map((name) => [name, fs[name]]))
  Object.assign(fs, functions)
  syncBuiltinESMExports()
  try {
    act()
  } finally {
    Object.assign(fs, real)
    syncBuiltinESMExports()
  }
}

test('in the file, no command is not the empty command', () => {
  const file = newFile()
  const entries = [{ term: 1, command: null }, entry(1, '')]
  const storage = new FileStorage(file)
  storage.load()
  storage.saveEntries(1, entries)
  storage.sync()
  storage.close()
  expect(loadFile(file)).toMatchObject({ log: entries })
})

test('the file that the log goes on in is this process’s alone, too', () => {
  const file = newFile()
  const storage = new FileStorage(file)
  storage.load()
  storage.startLog({ index: 0, term: 0 }, [])
  rmSync(`${file}.pid`)
  expect(() => new FileStorage(file)).toThrow(`${file}.1 is in use by another process`)
  storage.close()
  new FileStorage(file).close()
})
