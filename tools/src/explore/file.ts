import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvariantViolation, type Random } from '../lab/index.ts'
import type { FileStorage } from '../lab/part.ts'
import { mark } from '../lab/reached.ts'
import { withFileCalls } from './file-calls.ts'

/** One thing that a server saves. What an entry says follows from its index and term. */
type FileStep =
  | { readonly kind: 'vote'; readonly term: number; readonly votedFor: number | null }
  | { readonly kind: 'entry'; readonly index: number; readonly term: number }
  | { readonly kind: 'sync' }

/**
 * What happens to the file in the end. `torn`: power is lost in the middle of the last sync,
 * and that share of it was written. `sectors`: the same, and sectors in the middle were not
 * written. `power`: it is lost after the last sync. `killed`: before the last sync only the
 * process ends; then power is lost in its next life. `damage`: a bit of what was synced is
 * not what was written. `zeros`: a sector of that is lost. `failure`: the last sync fails.
 * `second`: another process opens the file.
 */
type FileTrouble =
  | { readonly kind: 'torn'; readonly share: number }
  | { readonly kind: 'sectors'; readonly shares: readonly number[] }
  | { readonly kind: 'damage'; readonly share: number }
  | { readonly kind: 'zeros'; readonly share: number }
  | { readonly kind: 'power' | 'killed' | 'failure' | 'second' }

/** The life of a server's file. */
export interface FileStory {
  readonly steps: readonly FileStep[]
  readonly trouble: FileTrouble
}

export type OpenFile = (path: string) => FileStorage

type SavedState = ReturnType<FileStorage['load']>

const tornTail = mark('a file has a torn tail', (part) => !!part.storage)

/** The least that a disk writes as a whole. */
const SECTOR_BYTES = 512

export function drawFileStory(random: Random): FileStory {
  const steps: FileStep[] = []
  let term = 0
  let length = 0
  for (let left = 1 + Math.floor(random() * 20); left > 0; left -= 1) {
    const chance = random()
    if (chance < 0.2) {
      term += 1
      const votedFor = random() < 0.5 ? null : Math.floor(random() * 5)
      steps.push({ kind: 'vote', term, votedFor })
    } else if (chance < 0.7) {
      const back = random() < 0.2 ? Math.floor(random() * length) : 0
      length += 1 - back
      steps.push({ kind: 'entry', index: length, term })
    } else {
      steps.push({ kind: 'sync' })
    }
  }
  return { steps, trouble: drawTrouble(random) }
}

function drawTrouble(random: Random): FileTrouble {
  const chance = random()
  // The end of a file is where most can go wrong.
  const share = () => (random() < 0.2 ? 0.999 : Math.floor(random() * 1000) / 1000)
  if (chance < 0.25) return { kind: 'torn', share: share() }
  if (chance < 0.35) return { kind: 'sectors', shares: [share(), share(), share()] }
  if (chance < 0.65) return { kind: 'damage', share: share() }
  if (chance < 0.75) return { kind: 'zeros', share: share() }
  if (chance < 0.85) return { kind: 'power' }
  if (chance < 0.9) return { kind: 'killed' }
  return { kind: chance < 0.95 ? 'failure' : 'second' }
}

/** Lives through a story. @throws InvariantViolation when the file forgets, or lies. */
export function runFileStory(openFile: OpenFile, story: FileStory): void {
  inFolder((folder) => new FileLife(openFile, join(folder, 'server.log')).run(story))
}

/** In a new one, which is gone afterwards. */
export function inFolder<T>(work: (folder: string) => T): T {
  const folder = fs.mkdtempSync(join(tmpdir(), 'raft-explore-'))
  try {
    return work(folder)
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

/** More than any story writes. */
const SOMETHING = Buffer.alloc(256 * 1024)

/** @throws what the machine says, when it is the machine that cannot keep a file. */
export function writeSomething(): void {
  inFolder((folder) => fs.writeFileSync(join(folder, 'something'), SOMETHING))
}

class FileLife {
  private readonly openFile: OpenFile
  private readonly file: string
  private storage: FileStorage | null = null
  /** The state after each record since the last sync, which is the first of them. */
  private states: SavedState[] = [{ currentTerm: 0, votedFor: null, log: [] }]
  /** How much of the file would outlive a loss of power, in bytes. */
  private durableBytes = 0
  private isFailing = false

  constructor(openFile: OpenFile, file: string) {
    this.openFile = openFile
    this.file = file
  }

  run({ steps, trouble }: FileStory): void {
    const sync = (fd: number) => this.onSync(fd)
    withFileCalls({ fsyncSync: sync, fdatasyncSync: sync }, () => {
      this.open()
      for (const step of steps) this.take(step)
      this.cause(trouble)
      this.storage?.close()
    })
  }

  private onSync(fd: number): void {
    if (this.isFailing) throw new Error('EIO: i/o error, fdatasync')
    const stat = fs.fstatSync(fd)
    if (stat.isFile()) this.durableBytes = stat.size
  }

  /** Begins a life of the server, with what it finds. */
  private open(): SavedState {
    this.storage?.close()
    this.storage = null
    const storage = this.openFile(this.file)
    this.storage = storage
    return storage.load()
  }

  private take(step: FileStep): void {
    const before = this.states.at(-1) as SavedState
    switch (step.kind) {
      case 'vote':
        this.states.push({ ...before, currentTerm: step.term, votedFor: step.votedFor })
        this.storage?.saveTermAndVote(step.term, step.votedFor)
        this.states = this.states.slice(-1)
        return
      case 'entry': {
        // Never beyond the log: also when the steps before it were taken out.
        const index = Math.min(step.index, before.log.length + 1)
        const { term } = step
        const entry = { command: `entry ${index} of term ${term}`, term }
        this.states.push({ ...before, log: [...before.log.slice(0, index - 1), entry] })
        this.storage?.saveEntries(index, [entry])
        return
      }
      case 'sync':
        this.storage?.sync()
        this.states = this.states.slice(-1)
    }
  }

  private cause(trouble: FileTrouble): void {
    if (trouble.kind === 'failure') this.failToSync()
    else if (trouble.kind === 'killed') this.kill()
    else this.causeAfterSync(trouble)
  }

  private causeAfterSync(trouble: FileTrouble): void {
    const before = fs.statSync(this.file).size
    this.storage?.sync()
    const after = fs.statSync(this.file).size
    const placeOf = (share: number) => Math.floor(share * after)
    switch (trouble.kind) {
      case 'power':
        fs.truncateSync(this.file, this.durableBytes)
        this.expect(this.recover('after a loss of power'), this.states.slice(-1))
        return
      case 'torn': {
        const written = Math.floor(trouble.share * (after - before))
        if (written > 0) tornTail()
        fs.truncateSync(this.file, before + written)
        this.expect(this.recover('after a write that was torn'), this.states)
        this.goOn()
        return
      }
      case 'sectors':
        for (const share of trouble.shares) this.lose(placeOf(share), before)
        this.expect(this.recover('after a write that lacks sectors'), this.states)
        this.goOn()
        return
      case 'damage':
        if (after > 0) this.damage(placeOf(trouble.share))
        return
      case 'zeros':
        this.loseSynced(placeOf(trouble.share), before, after)
        return
      case 'second':
        this.openTwice()
    }
  }

  private failToSync(): void {
    this.storage?.saveEntries(1, [{ command: 'the last one', term: 0 }])
    this.isFailing = true
    if (!this.fails(() => this.storage?.sync())) {
      throw lost('the disk failed to sync, and the server was told that all is well')
    }
    this.isFailing = false
    if (!this.fails(() => this.storage?.sync())) {
      throw lost(
        'a sync failed, and a second one was said to have done it; what the first one ' +
          'lost is not on the disk',
      )
    }
  }

  private openTwice(): void {
    let second: FileStorage
    try {
      second = this.openFile(this.file)
    } catch {
      return
    }
    second.close()
    throw lost('two processes have the file, and each would vote by it')
  }

  /** What it wrote stays, for the computer goes on; the next life finds it, and acts on it. */
  private kill(): void {
    this.isFailing = true
    this.fails(() => this.storage?.sync())
    this.isFailing = false
    const found = this.recover('after its process was killed')
    this.expect(found, this.states)
    fs.truncateSync(this.file, this.durableBytes)
    this.expect(this.recover('after a loss of power'), [found])
  }

  private damage(offset: number): void {
    const byte = fs.readFileSync(this.file)[offset] ?? 0
    this.overwrite(offset, Buffer.from([byte ^ 1]))
    const damaged = fs.readFileSync(this.file)
    this.expectRefusal(`byte ${offset} of the file is damaged`)
    if (damaged.equals(fs.readFileSync(this.file))) return
    throw lost(
      `byte ${offset} of the file is damaged, and then the file was changed, too`,
    )
  }

  /** A sector that was synced becomes zeros; a later record is there to tell. */
  private loseSynced(offset: number, before: number, after: number): void {
    const sector = Math.floor(offset / SECTOR_BYTES) * SECTOR_BYTES
    if (sector + SECTOR_BYTES > before || before === after) return
    this.lose(offset, 0)
    this.expectRefusal(`the sector at byte ${sector} of the file is lost`)
  }

  /** The sector at `offset` becomes zeros, from byte `synced` on. */
  private lose(offset: number, synced: number): void {
    const sector = Math.floor(offset / SECTOR_BYTES) * SECTOR_BYTES
    const from = Math.max(sector, synced)
    const to = Math.min(sector + SECTOR_BYTES, fs.statSync(this.file).size)
    if (from < to) this.overwrite(from, Buffer.alloc(to - from))
  }

  private overwrite(offset: number, bytes: Buffer): void {
    const fd = fs.openSync(this.file, 'r+')
    fs.writeSync(fd, bytes, 0, bytes.length, offset)
    fs.closeSync(fd)
  }

  private expectRefusal(what: string): void {
    let found: SavedState
    try {
      found = this.open()
    } catch {
      return
    }
    throw lost(
      `${what}, and the server starts without a complaint, ` +
        `with ${tell(found)} where ${tell(this.states[0])} had been synced`,
    )
  }

  /** After a write that was torn the file must serve for another life. */
  private goOn(): void {
    const { currentTerm, log } = this.states[0] as SavedState
    this.take({ kind: 'entry', index: log.length + 1, term: currentTerm })
    this.take({ kind: 'vote', term: currentTerm + 1, votedFor: 0 })
    this.expect(this.recover('in its next life but one'), this.states)
  }

  private recover(when: string): SavedState {
    try {
      return this.open()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw lost(
        `the server cannot start ${when}: ${reason.replaceAll(this.file, 'the file')}`,
      )
    }
  }

  private expect(found: SavedState, allowed: readonly SavedState[]): void {
    const text = tell(found)
    const match = allowed.find((state) => tell(state) === text)
    if (!match) {
      throw lost(`the file gives back ${text}, but ${tell(allowed[0])} had been synced`)
    }
    this.states = [match]
  }

  private fails(action: () => void): boolean {
    try {
      action()
      return false
    } catch {
      return true
    }
  }
}

export function lost(explanation: string): InvariantViolation {
  return new InvariantViolation('Durability', explanation)
}

function tell(state: SavedState | undefined): string {
  if (!state) return 'nothing'
  const terms = state.log.map(({ command }) => command).join(', ')
  return `term ${state.currentTerm}, vote ${state.votedFor}, log [${terms}]`
}
