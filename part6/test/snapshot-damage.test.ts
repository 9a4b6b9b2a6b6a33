/**
 * What may become of the file of a snapshot. Either an older one serves, and the server
 * says so, or a StorageError says what is wrong; and all files are as they were.
 */
import fs, {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import * as fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { LogEntry, Position } from '../src/raft.ts'
import { SnapshotFileReader } from '../src/snapshot-file.ts'
import { FileStorage, type PersistentState, StorageError } from '../src/storage.ts'

// In memory, where the system has a folder for that: a disk that others use, too, is slow.
const inMemory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const { fsyncSync, fdatasyncSync } = fs
const EARLIER: Position = { index: 3, term: 1 }
const LATEST: Position = { index: 6, term: 2 }

let folder: string
let file: string
let latest: string

// Nothing has to reach the disk.
beforeAll(() => takeOverSync({ fsyncSync: () => {}, fdatasyncSync: () => {} }))
afterAll(() => {
  takeOverSync({ fsyncSync, fdatasyncSync })
  rmSync(folder, { recursive: true })
})

/** Before each test, a server has a snapshot up to entry 6, and a log that begins there. */
beforeEach(() => {
  if (folder) rmSync(folder, { recursive: true })
  folder = mkdtempSync(join(inMemory, 'raft-snapshot-'))
  file = join(folder, 'raft.log')
  latest = `${file}.snapshot-6`
})

function takeOverSync(syncs: Partial<typeof fs>): void {
  Object.assign(fs, syncs)
  syncBuiltinESMExports()
}

const entriesAfter = (index: number, ...terms: number[]): LogEntry[] =>
  terms.map((term, i) => ({ command: `${index + 1 + i} of ${term}`, term }))

function takeSnapshot(storage: FileStorage, last: Position): void {
  storage.startLog(last, [])
  const snapshot = storage.beginSnapshot(last)
  snapshot.write(`{"x":"☃ up to ${last.index}"}\n`)
  snapshot.write('{"y":""}\n')
  snapshot.end()
}

/** @param keeps whether what the earlier snapshot needs is still there. */
function live(keeps: 'the earlier one, too' | 'the latest'): void {
  const storage = new FileStorage(file)
  storage.load()
  storage.saveTermAndVote(2, 1)
  storage.saveEntries(1, entriesAfter(0, 1, 1, 1))
  takeSnapshot(storage, EARLIER)
  storage.saveEntries(4, entriesAfter(3, 1, 2, 2))
  storage.sync()
  const kept = readdirSync(folder).filter((name) => !name.endsWith('.pid'))
  for (const name of kept) copyFileSync(join(folder, name), join(folder, `kept-${name}`))
  takeSnapshot(storage, LATEST)
  storage.saveEntries(7, entriesAfter(6, 2))
  storage.sync()
  storage.close()
  for (const name of kept) {
    const copy = join(folder, `kept-${name}`)
    // As in a crash before what is not needed any more was removed.
    if (keeps !== 'the latest') copyFileSync(copy, join(folder, name))
    rmSync(copy)
  }
}

/** What a next life finds. */
function load(): PersistentState & { readonly snapshot: string | null } {
  const storage = new FileStorage(file)
  try {
    const state = storage.load()
    const reader = storage.openSnapshot()
    const snapshot = reader?.read(0).data ?? null
    reader?.close()
    return { ...state, snapshot }
  } finally {
    storage.close()
  }
}

function contents(): Record<string, string> {
  const names = readdirSync(folder).filter((name) => !name.endsWith('.pid'))
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join(folder, name), 'hex')]),
  )
}

/** The server does not start, says why, and changes nothing. @returns what it says. */
function refusal(): string {
  const before = contents()
  let said: string | null = null
  try {
    load()
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    said = error.message
  }
  expect(said).not.toBeNull()
  expect(contents()).toEqual(before)
  return said as unknown as string
}

function flip(bytes: Buffer, at: number, bit: number): Buffer {
  const damaged = Buffer.from(bytes)
  damaged[at] = (damaged[at] as number) ^ (1 << bit)
  return damaged
}

/** @throws Error when it is not as it was written. */
function read(bytes: Buffer): void {
  writeFileSync(latest, bytes)
  const reader = new SnapshotFileReader(latest)
  try {
    reader.check()
  } finally {
    reader.close()
  }
}

test('a server finds the snapshot that it wrote', () => {
  live('the latest')
  expect(load()).toMatchObject({
    currentTerm: 2,
    votedFor: 1,
    base: LATEST,
    log: entriesAfter(6, 2),
    remark: null,
    snapshot: '{"x":"☃ up to 6"}\n{"y":""}\n',
  })
})

test('whichever bit of a snapshot changes, it is not taken for one', () => {
  live('the latest')
  const whole = readFileSync(latest)
  expect(() => read(whole)).not.toThrow()
  for (let at = 0; at < whole.length; at += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      const damaged = flip(whole, at, bit)
      expect(() => read(damaged), `bit ${bit} of byte ${at}`).toThrow(/^it /)
    }
  }
})

test('a snapshot that ends at any byte, or goes on, is not taken for one', () => {
  live('the latest')
  const whole = readFileSync(latest)
  for (let length = 0; length < whole.length; length += 1) {
    const cut = whole.subarray(0, length)
    expect(() => read(cut), `of ${length} bytes`).toThrow(/^it /)
  }
  for (const more of ['\0', '\n', ' ', '{}\n', whole.toString()]) {
    expect(() => read(Buffer.concat([whole, Buffer.from(more)]))).toThrow(/^it /)
  }
})

/** What becomes of a file: some bytes are others, or it is cut off. */
const damages = fc.oneof(
  fc.record({ at: fc.nat(), bit: fc.nat(7) }).map(
    ({ at, bit }) =>
      (bytes: Buffer) =>
        flip(bytes, at % bytes.length, bit),
  ),
  fc.nat().map((length) => (bytes: Buffer) => bytes.subarray(0, length % bytes.length)),
  fc
    .record({ from: fc.nat(), length: fc.integer({ min: 1, max: 600 }) })
    .map(({ from, length }) => (bytes: Buffer) => {
      const start = from % bytes.length
      return Buffer.from(bytes).fill(0, start, Math.min(start + length, bytes.length))
    }),
)

test('with a damaged snapshot and none before it, a server does not start', () => {
  live('the latest')
  const whole = readFileSync(latest)
  fc.assert(
    fc.property(damages, (damage) => {
      writeFileSync(latest, damage(whole))
      expect(refusal()).toContain(`${latest} cannot be used: it `)
    }),
    { numRuns: 100 },
  )
})

test('a whole one from before a damaged one serves, with the log after it', () => {
  live('the earlier one, too')
  const before = contents()
  const whole = readFileSync(latest)
  fc.assert(
    fc.property(damages, (damage) => {
      for (const [name, bytes] of Object.entries(before)) {
        writeFileSync(join(folder, name), Buffer.from(bytes, 'hex'))
      }
      const damaged = damage(whole)
      writeFileSync(latest, damaged)
      const { remark, ...found } = load()
      expect(remark).toContain(`${latest} cannot be used: it `)
      expect(found).toMatchObject({
        currentTerm: 2,
        votedFor: 1,
        base: EARLIER,
        log: entriesAfter(3, 1, 2, 2, 2),
        snapshot: '{"x":"☃ up to 3"}\n{"y":""}\n',
      })
      // What is damaged stays for who wants to look at it.
      expect(readFileSync(latest).equals(damaged)).toBe(true)
    }),
    { numRuns: 50 },
  )
})

test('a whole one from before serves no more where the log after it is gone', () => {
  live('the earlier one, too')
  rmSync(`${file}.1`)
  writeFileSync(latest, flip(readFileSync(latest), 80, 0))
  const said = refusal()
  expect(said).toContain(`${latest} cannot be used: it is damaged`)
  expect(said).toContain(
    `${file}.2 follows on a snapshot that is not there, or is an older`,
  )
})

test('with both of two snapshots damaged a server does not start', () => {
  live('the earlier one, too')
  for (const index of [EARLIER.index, LATEST.index]) {
    const one = `${file}.snapshot-${index}`
    writeFileSync(one, flip(readFileSync(one), 80, 0))
  }
  expect(refusal()).toContain(`${latest} cannot be used: it is damaged`)
})

test('without a snapshot that its log follows on a server does not start', () => {
  live('the latest')
  rmSync(latest)
  expect(refusal()).toContain('follows on a snapshot that is not there')
})

test('with a snapshot, and without any log, a server does not start', () => {
  live('the latest')
  for (const name of readdirSync(folder)) {
    if (/\.log(\.\d+)?$/.test(name)) rmSync(join(folder, name))
  }
  expect(refusal()).toContain(`${file} is not there, and a snapshot is`)
})

/** A whole one, with another first line. */
function withHeader(header: object): Buffer {
  const [, ...lines] = readFileSync(latest, 'utf8').split('\n')
  const text = [JSON.stringify(header), ...lines.slice(0, -2), ''].join('\n')
  const checksum = crc32(text).toString(16).padStart(8, '0')
  const bytes = Buffer.byteLength(lines.slice(0, -2).join('\n')) + 1
  return Buffer.from(`${text}${JSON.stringify({ bytes, crc32: checksum })}\n`)
}

const HEADER = { format: 1, lastIncludedIndex: 6, lastIncludedTerm: 2 }

test.each([
  [
    'of a later format',
    { ...HEADER, format: 2 },
    'has format 2, and this program reads 1',
  ],
  [
    'of an older one',
    { ...HEADER, format: 0 },
    'has format 0, and this program reads 1',
  ],
  ['of a format that is no number', { ...HEADER, format: 'x' }, 'says no format'],
  ['that says no format', { ...HEADER, format: undefined }, 'says no format'],
  ['of another entry', { ...HEADER, lastIncludedIndex: 7 }, 'is of entry 7'],
])('a snapshot %s is refused in a sentence', (_, header, sentence) => {
  live('the latest')
  expect(() => read(withHeader(HEADER))).not.toThrow()
  writeFileSync(latest, withHeader(header))
  expect(refusal()).toContain(`${latest} cannot be used: it ${sentence}`)
})
