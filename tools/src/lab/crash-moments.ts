import { PowerFailure } from './machine.ts'
import { mark } from './reached.ts'
import type { Entry, View } from './view.ts'

/**
 * When a crash strikes, once its time has come: at once; in the server's next event that
 * gives a vote, or changes the log; as soon as its next snapshot is durable; or around its
 * `count`th write to storage from then on.
 */
export type CrashMoment =
  | { readonly on: 'time' | 'vote' | 'append' | 'snapshot' }
  | { readonly on: 'write'; readonly count: number }

/** A crash that waits for its moment. */
interface ArmedCrash {
  readonly moment: CrashMoment
  /** When it has struck. */
  readonly onStrike: () => void
  /** What the server looked like when its time came. */
  readonly term: number
  readonly vote: number | null
  readonly lastEntry: Entry | undefined
  writesLeft: number
}

const betweenWrites = mark('power is lost between two writes', (part) => !!part.storage)
const afterSnapshot = mark(
  'power is lost when a snapshot is durable, before the log that follows on it',
  (part) => 'InstallSnapshot' in part.rpcs,
)

/** The crashes of a world that wait for their moments. */
export class CrashMoments {
  private readonly armed = new Map<number, ArmedCrash>()
  private readonly crash: (id: number) => void

  constructor(crash: (id: number) => void) {
    this.crash = crash
  }

  /** One crash waits for a server at a time: the last one that was asked for. */
  arm(id: number, view: View, moment: CrashMoment, onStrike: () => void): void {
    const { term, votedFor: vote } = view
    const lastEntry = view.entryAt(view.lastIndex)
    const writesLeft = moment.on === 'write' ? moment.count : 0
    this.armed.set(id, { moment, onStrike, term, vote, lastEntry, writesLeft })
    if (moment.on === 'time') this.crash(id)
  }

  /** None of those that wait will strike. */
  disarm(): void {
    this.armed.clear()
  }

  /**
   * Before and after each write.
   *
   * @param done what was written; null before it is.
   * @throws PowerFailure when a crash waited for this one.
   */
  atWrite(id: number, done: string | null): void {
    const armed = this.armed.get(id)
    if (!armed || !strikesAt(armed, done)) return
    betweenWrites()
    if (done === 'end') afterSnapshot()
    throw new PowerFailure()
  }

  afterEvent(id: number, view: View): void {
    if (this.armed.size === 0) return
    const armed = this.armed.get(id)
    if (armed && hasCome(armed, view)) this.crash(id)
  }

  /** The machine lost power, for whatever reason. */
  struck(id: number): void {
    const armed = this.armed.get(id)
    this.armed.delete(id)
    armed?.onStrike()
  }
}

function strikesAt(armed: ArmedCrash, done: string | null): boolean {
  if (armed.moment.on === 'snapshot') return done === 'end'
  if (armed.moment.on !== 'write') return false
  armed.writesLeft -= 1
  return armed.writesLeft < 0
}

function hasCome({ moment, term, vote, lastEntry }: ArmedCrash, view: View): boolean {
  if (moment.on === 'append') return view.entryAt(view.lastIndex) !== lastEntry
  if (moment.on !== 'vote' || view.votedFor === null) return false
  return view.votedFor !== vote || view.term !== term
}
