/**
 * What may become of a file, at every byte of it: its end is missing, sectors are lost, a
 * bit has changed. Either all that was acknowledged is there, or a StorageError says where
 * it is not, and leaves the file as it is.
 */
import fs, { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FileStorage, MemoryStorage, StorageError } from '../src/storage.ts'

const SLOW = { timeout: 60_000 }
const SECTOR_BYTES = 512

// In memory, where the system has a folder for that: a disk that others use, too, is slow.
const inMemory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const folder = mkdtempSync(join(inMemory, 'raft-damage-'))
/** One file for all cases, opened once: a load begins anew with what is in it. */
const file = join(folder, 'case.log')
const { fsyncSync, fdatasyncSync } = fs
let opened: FileStorage
let fd: number

// Power is lost by the tests here, so nothing has to reach the disk.
beforeAll(() => {
  takeOverSync({ fsyncSync: () => {}, fdatasyncSync: () => {} })
  opened = new FileStorage(file)
  fd = fs.openSync(file, 'r+')
})

afterAll(() => {
  fs.closeSync(fd)
  opened.close()
  takeOverSync({ fsyncSync, fdatasyncSync })
  rmSync(folder, { recursive: true })
})

function takeOverSync(syncs: Partial<typeof fs>): void {
  Object.assign(fs, syncs)
  syncBuiltinESMExports()
}

/** What one sync makes durable: a vote in the next term, or entries. */
interface Write {
  readonly votes: boolean
  /** How many entries of before the first of these takes the place of. */
  readonly back: number
  readonly commands: readonly string[]
}

/**
 * Any character but half a one. Of fast-check's own, `unit: 'binary'`, a table of all is
 * made first, which takes the better part of a second.
 */
const SURROGATES = { first: 0xd800, count: 0x800 }
const unit = fc
  .nat(0x10ffff - SURROGATES.count)
  .map((n) => String.fromCodePoint(n < SURROGATES.first ? n : n + SURROGATES.count))

/** Any text, and text of several sectors. */
const command = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit, maxLength: 40 }) },
  { weight: 1, arbitrary: fc.nat(3_000).map((length) => 'long ☃ '.repeat(length / 7)) },
)
const lives = fc.array(
  fc.record<Write>({
    votes: fc.boolean(),
    back: fc.nat(2),
    commands: fc.array(command, { minLength: 1, maxLength: 8 }),
  }),
  { minLength: 1, maxLength: 8 },
)

interface Life {
  readonly bytes: Buffer
  /** How long the file was after each sync. */
  readonly syncs: readonly number[]
  /** By the end of each record: the state that it makes up with those before it. */
  readonly states: ReadonlyMap<number, object>
}

function live(writes: readonly Write[]): Life {
  const memory = new MemoryStorage()
  load(Buffer.alloc(0))
  const states: object[] = [{ ...memory.load() }]
  const syncs = [0]
  writes.forEach(({ votes, back, commands }, i) => {
    if (votes) {
      for (const storage of [opened, memory]) storage.saveTermAndVote(i + 1, i % 5)
      states.push({ ...memory.load() })
    } else {
      const first = Math.max(1, memory.load().log.length + 1 - back)
      const entries = commands.map((text) => ({ command: text, term: i }))
      opened.saveEntries(first, entries)
      opened.sync()
      entries.forEach((entry, k) => {
        memory.saveEntries(first + k, [entry])
        memory.sync()
        states.push({ ...memory.load() })
      })
    }
    syncs.push(statSync(file).size)
  })
  const bytes = readFileSync(file)
  let end = 0
  const ends = states.map((state, i) => {
    if (i > 0) end = bytes.indexOf(10, end) + 1
    return [end, state] as const
  })
  return { bytes, syncs, states: new Map(ends) }
}

/** A life long enough for every kind of record, and short enough to try every byte. */
const SHORT_LIFE: readonly Write[] = Array.from({ length: 12 }, (_, i) => ({
  votes: i % 4 === 3,
  back: i % 3,
  commands: ['', 'x=1', 'not ASCII ☃, "quoted"\n', `a longer one ${i}`].slice(i % 3),
}))

/** Some sectors of records that one sync made durable. */
const ONE_WRITE: Write = {
  votes: false,
  back: 0,
  commands: Array(30).fill('of one write'),
}

/** A new life with what is in the file. */
function load(bytes: Buffer): object {
  fs.writeSync(fd, bytes, 0, bytes.length, 0)
  if (fs.fstatSync(fd).size > bytes.length) fs.ftruncateSync(fd, bytes.length)
  return { ...opened.load() }
}

/**
 * It is refused, with the place, and left as it is. Asked so often that calls of `expect`
 * would take longer than all the rest.
 */
function expectRefusal(bytes: Buffer, offset?: number): void {
  let error: unknown
  try {
    load(bytes)
  } catch (thrown) {
    error = thrown
  }
  const place = offset === undefined ? '' : `${offset}: expected`
  const refusal = `StorageError: ${file} is damaged at byte ${place}`
  const isRefused = error instanceof StorageError && `${error}`.startsWith(refusal)
  if (isRefused && isInFile(bytes)) return
  throw new Error(`no "${refusal}" with the file as it was; instead: ${error}`)
}

/** These bytes, and no more. */
function isInFile(bytes: Buffer): boolean {
  const found = Buffer.alloc(bytes.length + 1)
  const count = fs.readSync(fd, found, 0, found.length, 0)
  return found.subarray(0, count).equals(bytes)
}

/** As `toEqual`, which takes longer than a load, says it. */
function expectState(state: object, expected: object | undefined): void {
  if (!isDeepStrictEqual(state, expected)) expect(state).toEqual(expected)
}

function recordStart({ bytes }: Life, offset: number): number {
  return bytes.subarray(0, offset).lastIndexOf(10) + 1
}

/** The bytes of a file of which some sectors, from `synced` on, were not written. */
function withLostSectors(
  bytes: Buffer,
  synced: number,
  bytesPerSector: number,
  isLost: (sector: number) => boolean,
): Buffer {
  const rest = Buffer.from(bytes)
  const first = Math.floor(synced / bytesPerSector)
  for (let sector = first; sector * bytesPerSector < bytes.length; sector += 1) {
    const from = Math.max(synced, sector * bytesPerSector)
    if (isLost(sector)) rest.subarray(from, (sector + 1) * bytesPerSector).fill(0)
  }
  return rest
}

test('a file that ends at any byte is read up to its last whole record', SLOW, () => {
  const { bytes, states } = live(SHORT_LIFE)
  let end = 0
  for (let length = 0; length <= bytes.length; length += 1) {
    if (states.has(length)) end = length
    expectState(load(bytes.subarray(0, length)), states.get(end))
    // What was torn is gone from the file: the next record begins a line.
    expect(statSync(file).size).toBe(end)
  }
  expect(end).toBe(bytes.length)
})

test('whichever bit of a file changes, it is refused', SLOW, () => {
  const life = live(SHORT_LIFE)
  for (let at = 0; at < life.bytes.length; at += 1) {
    for (let bit = 1; bit < 256; bit *= 2) {
      const damaged = Buffer.from(life.bytes)
      damaged[at] = (damaged[at] as number) ^ bit
      expectRefusal(damaged, recordStart(life, at))
    }
  }
})

test('whichever bytes of a file become others, it is refused', SLOW, () => {
  const anywhere = fc.record({
    at: fc.double({ min: 0, max: 0.999, noNaN: true }),
    others: fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 600 }),
  })
  fc.assert(
    fc.property(lives, anywhere, (writes, { at, others }) => {
      const life = live(writes)
      const start = Math.floor(at * life.bytes.length)
      const damaged = Buffer.from(life.bytes)
      others.slice(0, damaged.length - start).forEach((byte, i) => {
        damaged[start + i] = byte
      })
      fc.pre(!damaged.equals(life.bytes))
      expectRefusal(damaged)
    }),
    { numRuns: 300 },
  )
})

for (const bytesPerSector of [SECTOR_BYTES, 4_096]) {
  test(
    `power is lost, and any ${bytesPerSector} bytes of a write are not there`,
    SLOW,
    () => {
      const losses = fc.record({
        seed: fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }),
        /** The file's length can be that of before, or of any time since then. */
        length: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
      })
      fc.assert(
        fc.property(lives, losses, (writes, { seed, length }) => {
          const { bytes, states, syncs } = live(writes)
          const synced = syncs.at(-2) as number
          const end = Math.round(synced + (length ?? 1) * (bytes.length - synced))
          const isLost = (sector: number) => seed[sector % seed.length] as boolean
          const rest = withLostSectors(bytes, synced, bytesPerSector, isLost)
          const state = load(rest.subarray(0, end))
          const kept = statSync(file).size
          expect(kept).toBeGreaterThanOrEqual(synced)
          expectState(state, states.get(kept))
          // It serves for another life.
          opened.saveTermAndVote(99, 3)
          const next = { ...state, currentTerm: 99, votedFor: 3 }
          expectState({ ...opened.load() }, next)
        }),
        { numRuns: 300 },
      )
    },
  )
}

test(
  'sectors that were synced and are lost are missed, whatever else is lost',
  SLOW,
  () => {
    const losses = fc.array(fc.boolean(), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(lives, losses, (writes, lost) => {
        const { bytes, syncs } = live(writes)
        const synced = syncs.at(-2) as number
        // The last write begins in a sector that is kept, and so can tell.
        const firstKept = Math.floor(synced / SECTOR_BYTES)
        const isLost = (sector: number) =>
          sector < firstKept && (lost[sector % lost.length] as boolean)
        const rest = withLostSectors(bytes, 0, SECTOR_BYTES, isLost)
        fc.pre(!rest.equals(bytes))
        expectRefusal(rest)
      }),
      { numRuns: 300 },
    )
  },
)

test('zeros that are not whole sectors are refused', () => {
  const life = live([ONE_WRITE])
  const [from, to] = [SECTOR_BYTES, 2 * SECTOR_BYTES]
  for (let at = from + 1; at < to; at += 1) {
    const beginsLate = Buffer.from(life.bytes).fill(0, at, to)
    // What a write began with may be in the middle of a sector.
    if (!life.states.has(at)) expectRefusal(beginsLate, recordStart(life, at))
    const endsEarly = Buffer.from(life.bytes).fill(0, from, at)
    expectRefusal(endsEarly, recordStart(life, from))
  }
})

test('damage to whatever record stands behind lost sectors is refused', () => {
  const life = live([ONE_WRITE])
  const torn = withLostSectors(life.bytes, 0, SECTOR_BYTES, (sector) => sector === 1)
  const whole = torn.indexOf('\n', 2 * SECTOR_BYTES) + 1
  for (let at = whole; at < torn.length; at += 1) {
    const damaged = Buffer.from(torn)
    damaged[at] = (damaged[at] as number) ^ 1
    expectRefusal(damaged, recordStart(life, SECTOR_BYTES))
  }
})

test('sectors are lost behind a megabyte that is kept', () => {
  const long: Write = { votes: false, back: 0, commands: ['x'.repeat(1_200_000)] }
  const life = live([long, ONE_WRITE])
  const first = Math.ceil((life.syncs[1] as number) / SECTOR_BYTES)
  for (const lost of [first, first + 1, first + 2]) {
    load(withLostSectors(life.bytes, 0, SECTOR_BYTES, (sector) => sector === lost))
    expect(statSync(file).size).toBe(recordStart(life, lost * SECTOR_BYTES))
  }
})

test('a file that is something else is refused', () => {
  const others = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ unit, minLength: 1 }).map((text) => Buffer.from(text)),
    fc.json().map((text) => Buffer.from(text)),
  )
  fc.assert(
    fc.property(others, (bytes) => {
      // A few digits, and a sector of zeros, are what a first write can leave.
      fc.pre(!/^[0-9a-f]{1,8}$|^\0+$/.test(bytes.toString('latin1')))
      expectRefusal(bytes, 0)
    }),
    { numRuns: 1_000 },
  )
})

test('a large file that is something else, without a newline, is refused', () => {
  expectRefusal(Buffer.alloc(10_000_000, 'something else '), 0)
})

test.each(['0', '00000000 ', '00000000', '00000000 0 0 ', '\r'])(
  'a line %j is refused',
  (line) => {
    expectRefusal(Buffer.from(`${line}\n`), 0)
    const { bytes } = live(SHORT_LIFE)
    expectRefusal(Buffer.concat([bytes, Buffer.from(`${line}\n`)]), bytes.length)
  },
)

test('a record that is cut off, behind a byte too many, is refused', () => {
  const { bytes } = live(SHORT_LIFE)
  const cut = Buffer.from(' 00000000 30 0 {"term":1')
  expectRefusal(Buffer.concat([bytes, cut]), bytes.length)
})

test('what a later write says was synced is missed, if only its end is kept', () => {
  const { bytes, syncs } = live([
    { votes: false, back: 0, commands: Array(20).fill('in the first write'.repeat(5)) },
    { votes: false, back: 0, commands: Array(20).fill('in the second one'.repeat(5)) },
  ])
  const boundary = syncs[1] as number
  const lost = (sector: number) => Math.abs(sector * SECTOR_BYTES - boundary) < 1_000
  const rest = withLostSectors(bytes, 0, SECTOR_BYTES, lost)
  expect(rest.subarray(boundary - 10, boundary + 10)).toEqual(Buffer.alloc(20))
  expectRefusal(rest)
})

test('an end that is cut off after it was synced is not missed: no file can tell', () => {
  const { bytes, states, syncs } = live(SHORT_LIFE)
  expect(load(bytes.subarray(0, syncs[3]))).toEqual(states.get(syncs[3] as number))
})
