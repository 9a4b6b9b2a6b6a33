import type { History, Operation } from './history.ts'
import { keyValue, type Model, register, versionsTold, whole } from './model.ts'
import { type Limits, type Result, search, type Verdict } from './search.ts'
import { type StaleFault, staleFault } from './stale.ts'

type NewModel = (operations: readonly Operation[]) => Model<unknown>

/** By name: what operations are of. */
export const MODELS = {
  kv: ((operations) => keyValue(versionsTold(operations))) as NewModel,
  register: (() => register) as NewModel,
}

export type ModelName = keyof typeof MODELS

export interface CheckOptions {
  readonly model: ModelName
  /** Each key by itself: what happens to one says nothing of another. Lists undo it. */
  readonly split: boolean
  readonly limits: Limits
  readonly onKey?: (done: number, total: number) => void
}

/** What was found of a history, or of the key that it is not linearizable for. */
export interface Finding extends Result {
  /** Null where the keys were checked together. */
  readonly key: string | null
  readonly operations: readonly Operation[]
  /** A stale read that shows what it must not, if there is no other reason. */
  readonly stale: StaleFault | null
}

/**
 * Whether there is an order of the operations, each between its invocation and its return,
 * in which every answer is the right one. A history is linearizable when it is for each of
 * its keys (Herlihy and Wing, 1990). Stale reads are no part of that order.
 */
export function check(history: History, options: CheckOptions): Finding {
  const found = checkOrder(history, options)
  if (found.verdict === 'not linearizable') return found
  const stale = options.model === 'kv' ? staleFault(history) : null
  return stale ? { ...found, verdict: 'not linearizable', stale } : found
}

function checkOrder(history: History, options: CheckOptions): Finding {
  const { operations, initial } = history
  const model = MODELS[options.model](operations)
  const isSplit = options.split && operations.every(({ f }) => f !== 'list')
  if (!isSplit) {
    const found = search(whole(model, initial), initial, operations, options.limits)
    return { ...found, key: null, operations, stale: null }
  }
  const byKey = groupByKey(operations)
  let worst: Finding | null = null
  let done = 0
  for (const [key, ofKey] of byKey) {
    const found = search(model, initial, ofKey, options.limits)
    if (isWorse(found.verdict, worst?.verdict))
      worst = { ...found, key, operations: ofKey, stale: null }
    if (found.verdict === 'not linearizable') break
    done += 1
    options.onKey?.(done, byKey.size)
  }
  return worst ?? NOTHING
}

function groupByKey(operations: readonly Operation[]): Map<string, Operation[]> {
  const byKey = new Map<string, Operation[]>()
  for (const operation of operations) {
    const ofKey = byKey.get(operation.key)
    if (ofKey) ofKey.push(operation)
    else byKey.set(operation.key, [operation])
  }
  return byKey
}

const NOTHING: Finding = {
  verdict: 'linearizable',
  reason: null,
  longest: [],
  stuckAt: [],
  key: null,
  operations: [],
  stale: null,
}

const GRAVITY: readonly Verdict[] = ['linearizable', 'unknown', 'not linearizable']

function isWorse(verdict: Verdict, than: Verdict | undefined): boolean {
  return than === undefined || GRAVITY.indexOf(verdict) > GRAVITY.indexOf(than)
}
