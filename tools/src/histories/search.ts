/**
 * Wing and Gong's search for an order in which one operation after the other explains all
 * answers, with Lowe's memory of where it has been. ("Testing and verifying concurrent
 * objects", 1993; "Testing for linearizability", 2017.)
 *
 * It goes through the history's events in time. At an invocation it tries to let the
 * operation take effect here; at a return of one that has not, it has gone wrong and takes
 * the last choice back.
 *
 * An operation of which nobody knows the outcome can take effect at any time, or never: so
 * many of them have very many orders. Each is needed only where the next answer would not be
 * right without it. So it is tried last, and only if the model says that it may lead to one
 * of the answers that can come next.
 */
import type { Operation } from './history.ts'
import type { Model } from './model.ts'
import { Seen } from './seen.ts'

export type Verdict = 'linearizable' | 'not linearizable' | 'unknown'

export interface Result {
  readonly verdict: Verdict
  /** Why it is unknown; the longest explanation that was found when there is none. */
  readonly reason: 'time' | 'memory' | null
  /** The operations in the order of the longest explanation, as positions in the list. */
  readonly longest: readonly number[]
  /** The operations that none of the longest explanations gets beyond. */
  readonly stuckAt: readonly number[]
}

export interface Limits {
  /** By performance.now(), in ms. */
  readonly deadline: number
  /** How many steps to remember; each takes some 24 bytes. */
  readonly maxSteps: number
}

/** So many steps between two looks at the clock. */
const STEPS_A_LOOK = 4096

/** Looks for an order of `operations`, which are in the order of their invocations. */
export function search<State>(
  model: Model<State>,
  initial: unknown,
  operations: readonly Operation[],
  limits: Limits,
): Result {
  return new Search(model, initial, operations, limits).run()
}

class Search<State> {
  private readonly count: number
  private readonly operations: readonly Operation[]
  private readonly model: Model<State>
  private readonly limits: Limits
  private readonly states: States<State>
  private readonly events: Events
  private readonly hashes: Uint32Array
  private readonly seen: Seen
  private readonly areGuesses: boolean

  /** The operations that have taken effect, in order, and the states before them. */
  private readonly order: number[] = []
  private readonly before: number[] = []
  private longest: number[] = []
  private readonly stuckAt = new Set<number>()

  constructor(
    model: Model<State>,
    initial: unknown,
    operations: readonly Operation[],
    limits: Limits,
  ) {
    this.count = operations.length
    this.operations = operations
    this.model = model
    this.limits = limits
    this.states = new States(model, model.initial(initial), operations)
    this.events = new Events(operations)
    this.hashes = Uint32Array.from({ length: 2 * this.count }, () =>
      Math.floor(Math.random() * 2 ** 32),
    )
    this.seen = new Seen(limits.maxSteps)
    this.areGuesses = areGuesses(operations)
  }

  run(): Result {
    const { events, states, hashes, seen } = this
    let [low, high] = [0, 0]
    let state = 0
    let steps = 0
    let at = events.first
    /** Of those without an answer: from here on they were not tried at this place. */
    let untried = 0
    // At the end nobody is left who was answered and has not taken effect.
    while (at !== END) {
      steps += 1
      if (steps % STEPS_A_LOOK === 0 && performance.now() > this.limits.deadline) {
        return this.result('unknown', 'time')
      }
      if (seen.isFull) return this.result('unknown', 'memory')
      const isInvocation = events.isInvocation(at)
      const operation = isInvocation
        ? events.operationOf(at)
        : this.unanswered(untried, at, state)
      if (operation !== NONE) {
        const next = states.after(state, operation)
        const nextLow = low ^ (hashes[2 * operation] as number)
        const nextHigh = high ^ (hashes[2 * operation + 1] as number)
        if (next === IMPOSSIBLE || !seen.add(nextLow, nextHigh, next)) {
          if (isInvocation) at = events.after(at)
          else untried = events.placeOf(operation) + 1
          continue
        }
        this.order.push(operation)
        this.before.push(state)
        ;[state, low, high] = [next, nextLow, nextHigh]
        events.remove(operation)
        at = events.first
        untried = 0
      } else {
        this.noteStuck(events.operationOf(at))
        const last = this.order.pop()
        if (last === undefined) return this.result('not linearizable', null)
        state = this.before.pop() as number
        low ^= hashes[2 * last] as number
        high ^= hashes[2 * last + 1] as number
        events.restore(last)
        const isAnswered = events.isAnswered(last)
        at = isAnswered ? events.after(events.invocationOf(last)) : events.firstReturn
        untried = isAnswered ? 0 : events.placeOf(last) + 1
      }
    }
    this.longest = [...this.order]
    return this.result('linearizable', null)
  }

  /** The next one without an answer that may explain what comes next; or NONE. */
  private unanswered(from: number, firstReturn: number, state: number): number {
    const { states, operations } = this
    const candidates = this.events.unansweredBefore(firstReturn)
    for (const operation of candidates) {
      if (this.events.placeOf(operation) < from) continue
      const next = states.after(state, operation)
      if (next === IMPOSSIBLE || next === state) continue
      if (this.areGuesses) return operation
      const others = candidates
        .filter((other) => other !== operation)
        .map((other) => operations[other] as Operation)
      const after = states.stateOf(next)
      const change = operations[operation] as Operation
      const leads = this.answeredUpTo(firstReturn).some((answered) => {
        // What is right without it, and changes nothing, can come before it.
        if (states.after(state, answered) === state) return false
        return this.model.mayLead(
          change,
          after,
          operations[answered] as Operation,
          others,
        )
      })
      if (leads) return operation
    }
    return NONE
  }

  /** Those with an answer of which one takes effect before all others. */
  private answeredUpTo(firstReturn: number): number[] {
    const found: number[] = []
    for (let at = this.events.first; ; at = this.events.after(at)) {
      found.push(this.events.operationOf(at))
      if (at === firstReturn) return found
    }
  }

  /** No explanation goes on from here: this operation was answered, and has no place. */
  private noteStuck(operation: number): void {
    if (this.order.length < this.longest.length) return
    if (this.order.length > this.longest.length) {
      this.longest = [...this.order]
      this.stuckAt.clear()
    }
    this.stuckAt.add(operation)
  }

  private result(verdict: Verdict, reason: Result['reason']): Result {
    return { verdict, reason, longest: this.longest, stuckAt: [...this.stuckAt] }
  }
}

/**
 * Whether a change without an answer names a version that no answer tells of: it may be that
 * of another change without an answer, which then led to no answer and was needed all the
 * same.
 */
function areGuesses(operations: readonly Operation[]): boolean {
  const name = (key: string, version: unknown) => `${version} of ${key}`
  const told = new Set(
    operations
      .filter(({ answer }) => answer?.held !== false)
      .map(({ key, answer }) => name(key, answer?.version)),
  )
  return operations.some(
    ({ key, answer, condition }) =>
      answer === null &&
      condition !== null &&
      'version' in condition &&
      !told.has(name(key, condition.version)),
  )
}

const IMPOSSIBLE = -1
const NONE = -1

/** So many answers of the model are kept; a Map has room for some four times as many. */
const MOST_KNOWN = 4_000_000

/** States by number, and where each operation leads from each: hardly ever worked out twice. */
class States<State> {
  private readonly model: Model<State>
  private readonly operations: readonly Operation[]
  private readonly states: State[]
  private readonly numbers = new Map<string, number>()
  private readonly known = new Map<number, number>()

  constructor(model: Model<State>, initial: State, operations: readonly Operation[]) {
    this.model = model
    this.operations = operations
    this.states = [initial]
    this.numbers.set(model.textOf(initial), 0)
  }

  after(state: number, operation: number): number {
    const question = state * this.operations.length + operation
    const known = this.known.get(question)
    if (known !== undefined) return known
    const next = this.model.step(
      this.states[state] as State,
      this.operations[operation] as Operation,
    )
    const number = next === undefined ? IMPOSSIBLE : this.numberOf(next)
    if (this.known.size === MOST_KNOWN) this.known.clear()
    this.known.set(question, number)
    return number
  }

  stateOf(number: number): State {
    return this.states[number] as State
  }

  private numberOf(state: State): number {
    const text = this.model.textOf(state)
    const known = this.numbers.get(text)
    if (known !== undefined) return known
    this.numbers.set(text, this.states.length)
    return this.states.push(state) - 1
  }
}

/** Before the first event, and after the last. */
const START = 0
const END = 0

/**
 * The invocations and returns in the order of time, as a list from which an operation can be
 * taken out and put back. Event 0 is both ends of it. Operations that were never answered
 * stand in a list of their own, in the order of their invocations.
 */
class Events {
  private readonly next: Int32Array
  private readonly previous: Int32Array
  private readonly operations: Int32Array
  private readonly invocations: Int32Array
  /** 0 for those who were never answered. */
  private readonly returns: Int32Array
  private readonly unanswered: readonly number[]
  /** By operation: where it stands among the unanswered. */
  private readonly places: Int32Array
  private readonly removed: Uint8Array

  constructor(operations: readonly Operation[]) {
    const events = operations.flatMap(({ invokedAt, returnedAt }, operation) => [
      { time: invokedAt, operation, isReturn: false },
      ...(returnedAt === Number.POSITIVE_INFINITY
        ? []
        : [{ time: returnedAt, operation, isReturn: true }]),
    ])
    events.sort((a, b) => a.time - b.time)
    const count = events.length + 1
    this.next = new Int32Array(count)
    this.previous = new Int32Array(count)
    this.operations = new Int32Array(count)
    this.invocations = new Int32Array(operations.length)
    this.returns = new Int32Array(operations.length)
    this.places = new Int32Array(operations.length)
    this.removed = new Uint8Array(operations.length)
    events.forEach(({ operation, isReturn }, i) => {
      this.operations[i + 1] = operation
      const places = isReturn ? this.returns : this.invocations
      places[operation] = i + 1
    })
    const unanswered: number[] = []
    let last = START
    for (let event = 1; event < count; event += 1) {
      const operation = this.operationOf(event)
      if (this.isAnswered(operation)) {
        this.next[last] = event
        this.previous[event] = last
        last = event
      } else this.places[operation] = unanswered.push(operation) - 1
    }
    this.next[last] = END
    this.previous[END] = last
    this.unanswered = unanswered
  }

  get first(): number {
    return this.next[START] as number
  }

  get firstReturn(): number {
    let at = this.first
    while (this.isInvocation(at)) at = this.after(at)
    return at
  }

  after(event: number): number {
    return this.next[event] as number
  }

  operationOf(event: number): number {
    return this.operations[event] as number
  }

  invocationOf(operation: number): number {
    return this.invocations[operation] as number
  }

  isInvocation(event: number): boolean {
    return this.invocationOf(this.operationOf(event)) === event
  }

  isAnswered(operation: number): boolean {
    return this.returns[operation] !== 0
  }

  /** In the order of their invocations, those that have not taken effect. */
  unansweredBefore(event: number): number[] {
    const found: number[] = []
    for (const operation of this.unanswered) {
      if (this.invocationOf(operation) > event) break
      if (this.removed[operation] === 0) found.push(operation)
    }
    return found
  }

  placeOf(operation: number): number {
    return this.places[operation] as number
  }

  remove(operation: number): void {
    this.removed[operation] = 1
    if (!this.isAnswered(operation)) return
    this.unlink(this.invocations[operation] as number)
    this.unlink(this.returns[operation] as number)
  }

  /** Puts back what was taken out last. */
  restore(operation: number): void {
    this.removed[operation] = 0
    if (!this.isAnswered(operation)) return
    this.link(this.returns[operation] as number)
    this.link(this.invocations[operation] as number)
  }

  private unlink(event: number): void {
    const [previous, next] = this.around(event)
    this.next[previous] = next
    this.previous[next] = previous
  }

  private link(event: number): void {
    const [previous, next] = this.around(event)
    this.next[previous] = event
    this.previous[next] = event
  }

  private around(event: number): [previous: number, next: number] {
    return [this.previous[event] as number, this.next[event] as number]
  }
}
