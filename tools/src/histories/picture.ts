/**
 * What a picture of a history shows: every operation as a bar from invocation to return,
 * and the order that was found, with the states that it leads through.
 */
import { check, type Finding, MODELS, type ModelName } from './check.ts'
import type { Answer, Condition, History, Operation, StaleRead } from './history.ts'
import { whole } from './model.ts'
import type { Verdict } from './search.ts'

export type Outcome = 'done' | 'not done' | 'unknown' | 'stale'

export interface Bar {
  /** Position in `lanes`. */
  readonly lane: number
  /** What was asked for, and what was answered; short enough for a bar. */
  readonly asks: string
  readonly told: string
  /** The same in full. */
  readonly detail: string
  readonly outcome: Outcome
  /** Places in the history. It has no end when the outcome is unknown. */
  readonly from: number
  readonly to: number | null
  /** In ms, where the history tells. */
  readonly fromMs: number | null
  readonly toMs: number | null
}

/** An operation of the order, and what the service holds before it and after. */
export interface Step {
  readonly bar: number
  /** Its place in the order, from 1 on. */
  readonly number: number
  readonly before: string
  readonly after: string
}

export interface Picture {
  readonly title: string
  readonly verdict: Verdict
  /** What there is to see, in a sentence or two. */
  readonly summary: string
  readonly lanes: readonly string[]
  /** In the order of their invocations. */
  readonly bars: readonly Bar[]
  readonly steps: readonly Step[]
  /** Bars that have no place after the last step; or stale reads that show what is wrong. */
  readonly stuck: readonly number[]
  /** Of a stale read that goes back: what the server had shown before. */
  readonly newer: number | null
}

/** More bars than a person looks at: of a longer history, those near its end are shown. */
const MOST_BARS = 300
/** Of these, so many can stand behind the first that has no place. */
const BARS_BEHIND = 40

/** In steps of the search: to draw all keys of a history together, where that is soon done. */
const STEPS_FOR_ALL = 100_000
const OPERATIONS_FOR_ALL = 200

/** A history, and what the checker says of it. */
export interface CheckedHistory {
  readonly history: History
  readonly model: ModelName
  readonly found: Finding
}

export function pictureOf(
  title: string,
  { history, model, found }: CheckedHistory,
): Picture {
  const shown = ofAllKeys(history, model, found)
  const { operations, key, stuckAt, stale, verdict } = shown
  const steps = stepsOf(history, model, shown)
  const aside = asideOf(history, shown)
  const wrong = stale ? [stale.read] : stuckAt.map((at) => operations[at] as Operation)
  const all = [...operations, ...aside].sort((a, b) => a.invokedAt - b.invokedAt)
  const visible = around(all, wrong)
  const numbers = new Map(visible.map((operation, i) => [operation, i]))
  const lanes = [...new Set(visible.map(({ process }) => process))]
  const numberOf = (operation: Operation) => numbers.get(operation) ?? -1
  const newer = stale?.after ? numberOf(stale.after) : -1
  return {
    title,
    verdict,
    summary: summaryOf(history, shown, all.length - visible.length),
    lanes: lanes.sort((a, b) => Number(a) - Number(b)),
    bars: visible.map((operation) => barOf(operation, key, lanes, history)),
    steps: steps
      .map(({ operation, ...step }) => ({ ...step, bar: numberOf(operation) }))
      .filter(({ bar }) => bar !== -1),
    stuck: wrong.map(numberOf).filter((bar) => bar !== -1),
    newer: newer === -1 ? null : newer,
  }
}

/** One picture of all keys, where nothing is wrong and they can be put in one order. */
function ofAllKeys(history: History, model: ModelName, found: Finding): Finding {
  const isSmall = history.operations.length <= OPERATIONS_FOR_ALL
  const isRight = found.verdict === 'linearizable' || found.stale !== null
  if (found.key === null || !isRight || !isSmall) return found
  const limits = { deadline: Number.POSITIVE_INFINITY, maxSteps: STEPS_FOR_ALL }
  const together = check(history, { model, split: false, limits })
  return together.verdict === 'unknown' ? found : together
}

/** The order, and the states that it leads through. */
function stepsOf(history: History, name: ModelName, found: Finding) {
  const { operations, longest, key } = found
  const one = MODELS[name](history.operations)
  const model = key === null ? whole(one, history.initial) : one
  let state = model.initial(history.initial)
  return longest.map((at, i) => {
    const operation = operations[at] as Operation
    const before = model.tell(state)
    state = model.step(state as never, operation) as typeof state
    return { operation, number: i + 1, before, after: model.tell(state as never) }
  })
}

/** What has no place in an order: not done, without an answer, or stale. */
function asideOf({ others, staleReads }: History, { key, stale }: Finding): Operation[] {
  const isOfKey = (operation: Operation) => key === null || operation.key === key
  const life = stale?.read.life
  const isOfLife = (read: StaleRead) => life != null && read.life === life
  return [
    ...others.filter(isOfKey),
    ...staleReads.filter((read) => isOfLife(read) || isOfKey(read)),
  ]
}

/** Of many, those before what is wrong, and a few behind it. */
function around(all: readonly Operation[], wrong: readonly Operation[]): Operation[] {
  const last = Math.max(...wrong.map((operation) => all.indexOf(operation)), -1)
  const end = last === -1 ? all.length : Math.min(all.length, last + BARS_BEHIND)
  return all.slice(Math.max(0, end - MOST_BARS), end)
}

function summaryOf(history: History, found: Finding, leftOut: number): string {
  const { verdict, key, stale, operations, longest, reason } = found
  const ofKey = key === null ? '' : ` on key ${JSON.stringify(key)}`
  const count = `${operations.length} operations${ofKey}`
  const rest = history.operations.length - operations.length
  const more = rest > 0 ? `, ${rest} on other keys` : ''
  const notAll = leftOut > 0 ? ` Of them, ${leftOut} are not drawn.` : ''
  return `${count}${more}. ${sentence()}${notAll}`

  function sentence(): string {
    if (stale?.after)
      return 'A stale read shows what is older than its server had shown before.'
    if (stale) return 'A stale read shows what never was so.'
    if (verdict === 'unknown')
      return `Whether there is an order: the ${reason} did not suffice.`
    if (verdict === 'linearizable') {
      return 'In this order, each at some moment between invocation and return, every answer is right.'
    }
    return (
      `The longest order in which every answer is right has ${longest.length} of them. ` +
      'Then none of those that must come next has a place.'
    )
  }
}

function barOf(
  operation: Operation | StaleRead,
  key: string | null,
  lanes: readonly string[],
  { times, others }: History,
): Bar {
  const { process, invokedAt, returnedAt, answer } = operation
  const isOpen = returnedAt === Number.POSITIVE_INFINITY
  const isNotDone = !isOpen && others.includes(operation)
  const outcome =
    'life' in operation ? 'stale' : isNotDone ? 'not done' : isOpen ? 'unknown' : 'done'
  const to = isOpen ? null : returnedAt
  return {
    lane: lanes.indexOf(process),
    asks: askedOf(operation, key, SHORT),
    told: outcome === 'not done' ? 'not done' : toldOf(operation, answer, SHORT),
    detail: detailOf(operation, outcome),
    outcome,
    ...{ from: invokedAt, to },
    fromMs: times[invokedAt] ?? null,
    toMs: to === null ? null : (times[to] ?? null),
  }
}

/** In characters: of a value in a bar, and of one that is told in full. */
const SHORT = 12
const LONG = 400

function askedOf(operation: Operation, key: string | null, length: number): string {
  const { f, value, condition } = operation
  const isRead = f === 'get' || f === 'read'
  const words = [
    f,
    key === null || key !== operation.key ? operation.key : '',
    isRead || f === 'list' || value == null ? '' : quoted(value, length),
    condition ? `if ${conditionIn(condition)}` : '',
  ]
  return words.filter(Boolean).join(' ')
}

function toldOf({ f }: Operation, answer: Answer | null, length: number): string {
  if (answer === null) return '?'
  if (answer.held === false) return 'does not hold'
  if (f === 'list') {
    const pairs = (answer.value ?? []) as readonly [string, unknown][]
    const texts = pairs.map(([key, value]) => `${key} = ${quoted(value, length)}`)
    return texts.join(', ') || 'nothing'
  }
  return f === 'get' || f === 'read' ? quoted(answer.value, length) : 'done'
}

function detailOf(operation: Operation | StaleRead, outcome: Outcome): string {
  const { process, answer } = operation
  const asks = askedOf(operation, null, LONG)
  const by = `process ${process}: ${asks}`
  if (outcome === 'not done') return `${by}. It certainly was not done.`
  if (outcome === 'unknown') return `${by}. Nobody knows what came of it.`
  const { version, previous } = answer ?? {}
  const facts = [
    toldOf(operation, answer, LONG),
    ...(version === undefined ? [] : [`version ${version}`]),
    ...(previous === undefined ? [] : [`before that ${quoted(previous, LONG)}`]),
  ]
  const [server, life] = 'life' in operation ? (operation.life?.split('.') ?? []) : []
  const from = server === undefined ? '' : `, from server ${server} in its life ${life}`
  return `${by} → ${facts.join(', ')}${outcome === 'stale' ? `, stale${from}` : ''}`
}

/** A value, of a long one its end: what was appended last tells most. */
function quoted(value: unknown, length: number): string {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value !== 'string') return JSON.stringify(value)
  const text = value.length > length ? `…${value.slice(-length)}` : value
  return JSON.stringify(text)
}

function conditionIn(condition: Condition): string {
  if ('absent' in condition) return 'absent'
  return 'version' in condition
    ? `version ${condition.version}`
    : JSON.stringify(condition)
}
