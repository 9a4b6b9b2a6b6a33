/**
 * The rule of stale reads. Each shows a state that the service was in, up to the read's
 * return; and a server, in one life, never shows an older one to a read that begins after
 * another has returned.
 *
 * A key's version is the log index of its last change. So the versions put all changes in
 * one order, and a state is what the keys hold up to one of them.
 */
import type { History, Operation, StaleRead } from './history.ts'

/** A stale read that shows what it must not. */
export interface StaleFault {
  readonly read: StaleRead
  /** What the same server had shown before, if that is newer; null if it never was so. */
  readonly after: StaleRead | null
}

/** @returns the first read, by its return, that breaks the rule. */
export function staleFault(history: History): StaleFault | null {
  const { staleReads } = history
  if (staleReads.length === 0) return null
  const past = new Past(history)
  const shown = new Map<string, Place>()
  const floors = new Map<StaleRead, Place>()
  for (const { read, isReturn } of inOrder(staleReads)) {
    const { life } = read
    const newest = (life !== null && shown.get(life)) || START
    if (!isReturn) {
      floors.set(read, newest)
      continue
    }
    const floor = floors.get(read) ?? START
    const index = past.indexOf(read, floor.index)
    if (index === null) {
      const isOlder = past.indexOf(read, 0) !== null
      return { read, after: isOlder ? floor.read : null }
    }
    if (life !== null && index > newest.index) shown.set(life, { index, read })
  }
  return null
}

/** How far the service was, as far as a read shows. */
interface Place {
  readonly index: number
  readonly read: StaleRead | null
}

const START: Place = { index: 0, read: null }

function inOrder(reads: readonly StaleRead[]) {
  const events = reads.flatMap((read) => [
    { read, isReturn: false, at: read.invokedAt },
    { read, isReturn: true, at: read.returnedAt },
  ])
  return events.sort((a, b) => a.at - b.at)
}

/** A change, as far as it is known from an answer, or from a read that found it. */
interface Change {
  readonly version: number
  /** Null when it removed the key; undefined when nobody knows. */
  readonly value: unknown
  readonly invokedAt: number
}

/** What the keys have held, by the versions of their changes. */
class Past {
  /** By key, in the order of their versions. */
  private readonly changes = new Map<string, Change[]>()
  /** By key: changes whose version nobody was told; without an answer, they may have none. */
  private readonly guesses = new Map<string, Operation[]>()

  constructor({ operations, staleReads }: History) {
    for (const operation of operations) this.note(operation)
    for (const read of [...operations, ...staleReads]) this.noteFound(read)
    for (const ofKey of this.changes.values())
      ofKey.sort((a, b) => a.version - b.version)
  }

  /** The first index from `floor` on at which a read is right; null if there is none. */
  indexOf(read: StaleRead, floor: number): number | null {
    const shown = this.shownBy(read)
    const later = [...shown.keys()].flatMap((key) =>
      (this.changes.get(key) ?? []).filter(
        ({ version, invokedAt }) => version > floor && invokedAt < read.returnedAt,
      ),
    )
    const indexes = later.map(({ version }) => version).sort((a, b) => a - b)
    const isRight = (index: number) =>
      [...shown].every(([key, value]) => this.showed(read, key, value, index))
    return [floor, ...indexes].find(isRight) ?? null
  }

  private note(operation: Operation): void {
    const { f, key, invokedAt, answer } = operation
    if (f === 'get' || f === 'list' || answer?.held === false) return
    if (answer?.version !== undefined) {
      const { version } = answer
      this.add(key, { version, value: valueAfter(operation), invokedAt })
    } else if (f !== 'delete' || answer?.previous !== null) {
      const ofKey = this.guesses.get(key)
      if (ofKey) ofKey.push(operation)
      else this.guesses.set(key, [operation])
    }
  }

  /** A read tells the version of a change whose own answer was lost. */
  private noteFound({ f, key, answer }: Operation): void {
    const { value, version } = answer ?? {}
    if (f !== 'get' || version === undefined) return
    if (this.changes.get(key)?.some((change) => change.version === version)) return
    const makers = this.guesses.get(key)?.filter((guess) => leavesBehind(guess, value))
    if (!makers || makers.length === 0) return
    const invokedAt = Math.min(...makers.map((maker) => maker.invokedAt))
    this.add(key, { version, value, invokedAt })
  }

  private add(key: string, change: Change): void {
    const ofKey = this.changes.get(key)
    if (ofKey) ofKey.push(change)
    else this.changes.set(key, [change])
  }

  /** What a read says of each key: a list also tells which ones are not there. */
  private shownBy({ f, key, value: limit, answer }: StaleRead): Map<string, unknown> {
    if (f !== 'list') return new Map([[key, answer?.value]])
    const pairs = (answer?.value ?? []) as [string, unknown][]
    const last = pairs.length === limit ? pairs.at(-1)?.[0] : undefined
    const all = [...this.changes.keys(), ...this.guesses.keys()]
    const absent = all.filter(
      (name) => name.startsWith(key) && (last === undefined || name <= last),
    )
    return new Map([...absent.map((name) => [name, null] as const), ...pairs])
  }

  /** Whether a key showed that, once all changes up to an index were made. */
  private showed(read: StaleRead, key: string, value: unknown, index: number): boolean {
    const last = this.changes.get(key)?.findLast(({ version }) => version <= index)
    const isOpen = last !== undefined && last.value === undefined
    const isRight = isOpen || (last?.value ?? null) === value
    const version = read.answer?.version
    if (version !== undefined) return isRight && last?.version === version
    if (isRight) return true
    const guesses = this.guesses.get(key) ?? []
    return guesses.some(
      (guess) => guess.invokedAt < read.returnedAt && leavesBehind(guess, value),
    )
  }
}

function valueAfter({ f, value, answer }: Operation): unknown {
  if (f === 'delete') return null
  if (f !== 'append') return value
  return answer?.previous === undefined ? undefined : `${answer.previous ?? ''}${value}`
}

/** Whether a change can be what led to a value. */
function leavesBehind({ f, value }: Operation, found: unknown): boolean {
  if (f === 'delete') return found === null
  return f === 'append' ? `${found}`.endsWith(`${value}`) : found === value
}
