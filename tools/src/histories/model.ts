import type { Answer, Condition, Operation } from './history.ts'

/**
 * What a service does, one operation after the other. A state is a value that is never
 * changed; two states are the same when their texts are.
 */
export interface Model<State> {
  readonly name: string
  readonly operations: readonly string[]
  initial(value: unknown): State
  /** The state after an operation; undefined when it cannot have been answered so. */
  step(state: State, operation: Operation): State | undefined
  textOf(state: State): string
  /** The same for people. */
  tell(state: State): string
  /**
   * Whether a change without an answer, which led to `after`, can be needed for an answer
   * that comes next. Some of the `others` without an answer may follow before that, but none
   * that undoes what it did: without it, all would be the same.
   */
  mayLead(
    change: Operation,
    after: State,
    answered: Operation,
    others: readonly Operation[],
  ): boolean
}

/** A register: read, write, compare-and-set. */
export const register: Model<unknown> = {
  name: 'register',
  operations: ['read', 'write', 'cas'],
  initial: (value) => value ?? null,
  step(state, { f, value, answer }) {
    if (f === 'write') return value
    if (f === 'read')
      return answer === null || isSame(answer.value, state) ? state : undefined
    const [expected, next] = value as [unknown, unknown]
    const holds = isSame(expected, state)
    if (answer?.held !== undefined && answer.held !== holds) return undefined
    return holds ? next : state
  },
  textOf: (state) => JSON.stringify(state),
  tell: (state) => (state === null ? 'nothing' : JSON.stringify(state)),
  // What it wrote may be what a compare-and-set without an answer compared with.
  mayLead: () => true,
}

/** What a key holds. */
interface Cell {
  /** Null when the key is absent. */
  readonly value: string | null
  /**
   * The version, as far as it is known: of a change whose outcome is unknown it can be any
   * that no other change has.
   */
  readonly version: number | null
}

/**
 * A key of a key/value store: get, put, append, delete, each on a condition or on none.
 *
 * @param told the versions of changes that were answered: no other change has one of them.
 */
export const keyValue = (told: ReadonlySet<unknown>): Model<Cell> => ({
  name: 'kv',
  operations: ['get', 'put', 'append', 'delete'],
  initial: (value) => ({ value: (value as string | null) ?? null, version: null }),
  step(before, operation) {
    const { condition, answer } = operation
    const cell = condition ? underCondition(before, condition, answer, told) : before
    if (cell === undefined) return undefined
    if (answer?.held === false) return cell
    if (operation.f === 'get') return answer ? afterGet(cell, answer, told) : cell
    if (answer && !agrees(answer.previous, cell.value)) return undefined
    return afterChange(cell, operation)
  },
  textOf: ({ value, version }) => `${version ?? ''}:${JSON.stringify(value)}`,
  tell: ({ value }) => (value === null ? 'nothing' : JSON.stringify(value)),
  mayLead(_change, after, { f, condition, answer }, others) {
    const { value: found, previous, version, held } = answer ?? {}
    const isAbsent = after.value === null
    // One of the others may be needed, and only now does its condition hold.
    const isOnAbsence = ({ condition }: Operation) => condition && 'absent' in condition
    if (isAbsent && others.some(isOnAbsence)) return true
    const appends = others.filter((other) => other.f === 'append')
    if (held === false) {
      if (condition === null) return false
      return 'version' in condition || !isAbsent || appends.length > 0
    }
    if (condition && 'absent' in condition && !isAbsent) return false
    if (f === 'get' && found !== null && told.has(version)) return false
    const seen = f === 'get' ? found : previous
    if (seen === undefined) {
      // It says nothing of the value; but what it appends may stand behind that.
      return (
        f === 'append' || condition !== null || (f === 'get' && version !== undefined)
      )
    }
    if (seen === null || after.value === seen) return after.value === seen
    if (!`${seen}`.startsWith(after.value ?? '')) return false
    const rest = `${seen}`.slice(after.value?.length ?? 0)
    return appends.some(({ value }) => rest.startsWith(`${value}`))
  },
})

/** The versions of changes that were answered. */
export function versionsTold(operations: readonly Operation[]): ReadonlySet<unknown> {
  const changes = operations.filter(
    ({ f, answer }) => f !== 'get' && f !== 'list' && answer && answer.held !== false,
  )
  const versions = changes.map(({ answer }) => answer?.version)
  return new Set(versions.filter((version) => version !== undefined))
}

/** The cell, with what the condition tells of it; undefined where the answer is wrong. */
function underCondition(
  cell: Cell,
  condition: Condition,
  answer: Answer | null,
  told: ReadonlySet<unknown>,
): Cell | undefined {
  const isAbsent = cell.value === null
  // A change that nobody heard of and that did not hold may as well not have been made.
  const held = answer?.held ?? true
  if ('absent' in condition) return isAbsent === held ? cell : undefined
  if (isAbsent) return held ? undefined : cell
  if (cell.version === null && !told.has(condition.version)) {
    return held ? { ...cell, version: condition.version } : cell
  }
  return (cell.version === condition.version) === held ? cell : undefined
}

function afterGet(
  cell: Cell,
  { value, version }: Answer,
  told: ReadonlySet<unknown>,
): Cell | undefined {
  if (!agrees(value, cell.value)) return undefined
  if (version === undefined || cell.value === null) return cell
  if (cell.version === null) return told.has(version) ? undefined : { ...cell, version }
  return cell.version === version ? cell : undefined
}

function afterChange(cell: Cell, { f, value, answer }: Operation): Cell {
  if (f === 'delete') return { value: null, version: null }
  const version = answer?.version ?? null
  const text = f === 'append' ? `${cell.value ?? ''}${value}` : String(value)
  return { value: text, version }
}

/** Whether an answer says what is true, or nothing. */
function agrees(said: unknown, is: unknown): boolean {
  return said === undefined || isSame(said, is)
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}

/** All keys together, for lists and for those who do not split: a state by each key. */
export type Whole<State> = ReadonlyMap<string, State>

/** Of a model of one key, that of all keys; and of a kv, its lists. */
export function whole<State>(
  model: Model<State>,
  initial: unknown,
): Model<Whole<State>> {
  const none = model.initial(initial)
  return {
    name: model.name,
    operations: [...model.operations, 'list'],
    initial: () => new Map(),
    step(state, operation) {
      if (operation.f === 'list') return isList(state, operation) ? state : undefined
      const { key } = operation
      const before = state.get(key) ?? none
      const after = model.step(before, operation)
      if (after === undefined) return undefined
      if (after === before) return state
      return new Map(state).set(key, after)
    },
    mayLead(change, after, answered, others) {
      if (answered.f === 'list') return change.key.startsWith(answered.key)
      if (answered.key !== change.key) return false
      const cell = after.get(change.key) ?? none
      const ofKey = others.filter(({ key }) => key === change.key)
      return model.mayLead(change, cell, answered, ofKey)
    },
    textOf(state) {
      const keys = [...state.keys()].sort()
      return keys
        .map((key) => `${key}=${model.textOf(state.get(key) ?? none)}`)
        .join(' ')
    },
    tell(state) {
      const cells = [...state].map(([key, cell]) => [key, model.tell(cell)] as const)
      const there = cells.filter(([, text]) => text !== 'nothing').sort()
      return there.map(([key, text]) => `${key} = ${text}`).join(', ') || 'nothing'
    },
  }
}

/** Whether a list shows what is there: all keys with the prefix, in order. */
function isList<State>(
  state: Whole<State>,
  { key, value: asked, answer }: Operation,
): boolean {
  if (answer?.value === undefined) return true
  const there = [...state]
    .map(([name, cell]) => [name, (cell as Cell).value] as const)
    .filter(([name, value]) => name.startsWith(key) && value !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const limit = typeof asked === 'number' ? asked : there.length
  return isSame(answer.value, there.slice(0, limit))
}
