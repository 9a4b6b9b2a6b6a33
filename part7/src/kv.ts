/**
 * KeyValueStore: the state machine (section 2). It does what the log says, one operation
 * after the other, and knows nothing else: no clock, no random numbers, no other server.
 * So every server that has applied the same entries holds the same.
 *
 * Keys are text of at most 1,024 bytes, and values of at most 256 KiB, in UTF-8. A key's
 * version is the log index of its last change: it only rises, and no two changes share one.
 */
import { type OrderedMap, orderedByText } from './ordered-map.ts'

/** What must be true of a key for an operation on it to be carried out. */
export type Condition =
  /** Its last change was the entry of this index. */
  | { readonly version: number }
  | { readonly absent: true }
  | { readonly not: Condition }
  | { readonly anyOf: readonly Condition[] }

interface OnKey {
  readonly key: string
  /** The condition, if there is one. */
  readonly if?: Condition
}

/** What a client can ask for. */
export type Operation =
  | ({ readonly op: 'get' } & OnKey)
  | ({ readonly op: 'put'; readonly value: string } & OnKey)
  /** Puts `value` behind what the key holds, if it holds anything. */
  | ({ readonly op: 'append'; readonly value: string } & OnKey)
  | ({ readonly op: 'delete' } & OnKey)
  /** All keys that begin with `prefix`, in order; the first `limit` of them. */
  | { readonly op: 'list'; readonly prefix: string; readonly limit?: number }

export interface Pair {
  readonly key: string
  readonly value: string
  readonly version: number
}

/** What came of an operation that was carried out. */
export type Result =
  /** Of a get. */
  | { readonly kind: 'found'; readonly value: string; readonly version: number }
  /** Of a get or a delete of a key that is not there. */
  | { readonly kind: 'absent' }
  /** Of a put, an append, a delete; `previous` is null where there was nothing. */
  | {
      readonly kind: 'changed'
      readonly version: number
      readonly previous: string | null
    }
  /** Of a list. */
  | { readonly kind: 'listed'; readonly pairs: readonly Pair[] }
  /** The condition did not hold, and nothing was changed. `version` is what it is. */
  | { readonly kind: 'mismatch'; readonly version: number | null }
  /** An append would have made the value too long, and nothing was changed. */
  | { readonly kind: 'too long'; readonly bytes: number }

export const MAX_KEY_BYTES = 1_024
export const MAX_VALUE_BYTES = 256 * 1_024

interface Stored {
  readonly value: string
  readonly bytes: number
  readonly version: number
}

export class KeyValueStore {
  private readonly stored = orderedByText<Stored>()

  /** How many keys there are. */
  get size(): number {
    return this.stored.size
  }

  /**
   * Carries out an operation.
   *
   * @param index of its entry in the log: the version that a change gets.
   */
  apply(operation: Operation, index: number): Result {
    if (operation.op === 'list') {
      return { kind: 'listed', pairs: this.list(operation.prefix, operation.limit) }
    }
    const before = this.stored.get(operation.key)
    const version = before?.version ?? null
    if (operation.if && !holds(operation.if, version)) {
      return { kind: 'mismatch', version }
    }
    switch (operation.op) {
      case 'get':
        if (!before) return { kind: 'absent' }
        return { kind: 'found', value: before.value, version: before.version }
      case 'delete':
        if (!before) return { kind: 'absent' }
        this.stored.delete(operation.key)
        return { kind: 'changed', version: index, previous: before.value }
      case 'put':
        return this.change(operation.key, before, {
          value: operation.value,
          bytes: bytesOf(operation.value),
          version: index,
        })
      case 'append': {
        const { value = '', bytes = 0 } = before ?? {}
        // Known only here: what stands before it in the log may be longer than it was.
        const total = bytes + bytesOf(operation.value)
        if (total > MAX_VALUE_BYTES) return { kind: 'too long', bytes: total }
        return this.change(operation.key, before, {
          value: value + operation.value,
          bytes: total,
          version: index,
        })
      }
    }
  }

  /** All that it holds now, in the order of the keys, whatever is changed meanwhile. */
  pairs(): Iterable<Pair> {
    return pairsIn(this.stored.clone())
  }

  /** Takes a pair out of a snapshot, which is to take the place of what `former` holds. */
  restore({ key, value, version }: Pair, former: KeyValueStore): void {
    // A version of a key has one value: what is there already is not held twice.
    const known = former.stored.get(key)
    const isKnown = known?.version === version
    this.stored.set(key, isKnown ? known : { value, bytes: bytesOf(value), version })
  }

  private change(key: string, before: Stored | undefined, after: Stored): Result {
    this.stored.set(key, after)
    return { kind: 'changed', version: after.version, previous: before?.value ?? null }
  }

  private list(prefix: string, limit = Number.POSITIVE_INFINITY): Pair[] {
    const pairs: Pair[] = []
    for (const pair of pairsIn(this.stored, prefix)) {
      if (!pair.key.startsWith(prefix) || pairs.length >= limit) break
      pairs.push(pair)
    }
    return pairs
  }
}

function* pairsIn(stored: OrderedMap<string, Stored>, first = ''): Iterable<Pair> {
  for (const [key, { value, version }] of stored.entries(first)) {
    yield { key, value, version }
  }
}

/** @param version of the key; null when it is absent. */
export function holds(condition: Condition, version: number | null): boolean {
  if ('not' in condition) return !holds(condition.not, version)
  if ('anyOf' in condition) return condition.anyOf.some((one) => holds(one, version))
  if ('absent' in condition) return version === null
  return condition.version === version
}

/** It leaves everything as it is: so it can be asked again without harm. */
export type Read = Extract<Operation, { op: 'get' | 'list' }>

export function isRead(operation: Operation): operation is Read {
  return operation.op === 'get' || operation.op === 'list'
}

/** What is wrong with an operation, whatever the store holds; null when nothing is. */
export function faultOf(operation: Operation): string | null {
  const key = operation.op === 'list' ? operation.prefix : operation.key
  if (key === '' && operation.op !== 'list') return 'a key must not be empty'
  if (!key.isWellFormed()) return 'a key must be well-formed Unicode text'
  if (bytesOf(key) > MAX_KEY_BYTES) {
    return `a key can be ${MAX_KEY_BYTES} bytes long, not ${bytesOf(key)}`
  }
  if (!('value' in operation)) return null
  const { value } = operation
  if (!value.isWellFormed()) return 'a value must be well-formed Unicode text'
  const bytes = bytesOf(value)
  return bytes > MAX_VALUE_BYTES ? tooLong(bytes) : null
}

export function tooLong(bytes: number | string): string {
  return `a value can be ${MAX_VALUE_BYTES} bytes long, not ${bytes}`
}

/** In UTF-8, of well-formed text. */
function bytesOf(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) bytes += 1
    // The two halves of a pair take two bytes each.
    if (unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff)) bytes += 1
  }
  return bytes
}
