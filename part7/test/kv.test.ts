/** What the state machine does with one operation after the other; no cluster. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Condition,
  faultOf,
  holds,
  KeyValueStore,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  type Operation,
  type Result,
} from '../src/kv.ts'

/** Applies operations at the indexes 1, 2, … */
function run(...operations: readonly Operation[]): {
  store: KeyValueStore
  last: Result
} {
  const store = new KeyValueStore()
  let last: Result = { kind: 'absent' }
  for (const [i, operation] of operations.entries()) last = store.apply(operation, i + 1)
  return { store, last }
}

const put = (key: string, value: string, condition?: Condition): Operation => ({
  op: 'put',
  key,
  value,
  ...(condition && { if: condition }),
})

test('a key holds what was put last, and its version is the index of that', () => {
  const { last } = run(put('x', '1'), put('y', '2'), put('x', '3'), {
    op: 'get',
    key: 'x',
  })
  expect(last).toEqual({ kind: 'found', value: '3', version: 3 })
})

test('a change tells its version, and what the key held before', () => {
  expect(run(put('x', '1')).last).toEqual({
    kind: 'changed',
    version: 1,
    previous: null,
  })
  expect(run(put('x', '1'), put('x', '2')).last).toEqual({
    kind: 'changed',
    version: 2,
    previous: '1',
  })
})

test('to hold an empty value is not to hold nothing', () => {
  expect(run(put('x', ''), put('x', '1')).last).toMatchObject({ previous: '' })
})

test('an append goes behind what is there, or begins a value', () => {
  const append: Operation = { op: 'append', key: 'x', value: 'b' }
  const get: Operation = { op: 'get', key: 'x' }
  expect(run(append).last).toEqual({ kind: 'changed', version: 1, previous: null })
  expect(run(put('x', 'a'), append).last).toMatchObject({ version: 2, previous: 'a' })
  expect(run(put('x', 'a'), append, get).last).toMatchObject({ value: 'ab', version: 2 })
})

test('a deleted key is absent, and tells what it held', () => {
  const remove: Operation = { op: 'delete', key: 'x' }
  expect(run(remove).last).toEqual({ kind: 'absent' })
  expect(run(put('x', 'a'), remove).last).toEqual({
    kind: 'changed',
    version: 2,
    previous: 'a',
  })
  expect(run(put('x', 'a'), remove, { op: 'get', key: 'x' }).last).toEqual({
    kind: 'absent',
  })
})

test('an empty value is a value', () => {
  expect(run(put('x', ''), { op: 'get', key: 'x' }).last).toEqual({
    kind: 'found',
    value: '',
    version: 1,
  })
})

test('a get changes no version', () => {
  const get: Operation = { op: 'get', key: 'x' }
  expect(run(put('x', '1'), get, get, get).last).toMatchObject({ version: 1 })
})

test('an operation on a condition is carried out when it holds, and only then', () => {
  expect(run(put('x', '1', { absent: true })).last).toMatchObject({ kind: 'changed' })
  expect(run(put('x', '1'), put('x', '2', { absent: true })).last).toEqual({
    kind: 'mismatch',
    version: 1,
  })
  expect(run(put('x', '1'), put('x', '2', { version: 1 })).last).toMatchObject({
    kind: 'changed',
    version: 2,
  })
  const { store, last } = run(put('x', '1'), put('x', '2', { version: 2 }))
  expect(last).toEqual({ kind: 'mismatch', version: 1 })
  expect(store.apply({ op: 'get', key: 'x' }, 3)).toMatchObject({ value: '1' })
  expect(run(put('x', '1', { version: 1 })).last).toEqual({
    kind: 'mismatch',
    version: null,
  })
})

test('every operation on a key can have a condition', () => {
  const ops = [{ op: 'get' }, { op: 'delete' }, { op: 'append', value: 'b' }] as const
  for (const op of ops) {
    const operation = { ...op, key: 'x', if: { version: 9 } } as Operation
    expect(run(put('x', '1'), operation).last).toEqual({ kind: 'mismatch', version: 1 })
  }
})

test('conditions can be turned round and joined', () => {
  expect(holds({ not: { absent: true } }, 5)).toBe(true)
  expect(holds({ not: { absent: true } }, null)).toBe(false)
  expect(holds({ anyOf: [{ version: 4 }, { version: 5 }] }, 5)).toBe(true)
  expect(holds({ anyOf: [{ version: 4 }, { version: 5 }] }, 6)).toBe(false)
  expect(holds({ anyOf: [] }, 6)).toBe(false)
})

test('a list has the keys with a prefix, in order, with what they hold', () => {
  const { store } = run(put('ba', '1'), put('ab', '2'), put('a', '3'), put('ac', '4'))
  const list = (prefix: string, limit?: number) =>
    store.apply({ op: 'list', prefix, ...(limit && { limit }) }, 5)
  expect(list('a')).toEqual({
    kind: 'listed',
    pairs: [
      { key: 'a', value: '3', version: 3 },
      { key: 'ab', value: '2', version: 2 },
      { key: 'ac', value: '4', version: 4 },
    ],
  })
  expect(list('a', 1)).toMatchObject({ pairs: [{ key: 'a' }] })
  expect(list('', 9)).toMatchObject({ pairs: { length: 4 } })
  expect(list('z')).toEqual({ kind: 'listed', pairs: [] })
})

test('a list is in the order of code units, however keys came and went', () => {
  const unit = fc.constantFrom('a', 'B', 'ä', '\uffff', '😀')
  const key = fc.string({ unit, minLength: 1, maxLength: 4 })
  const change = fc.record({ op: fc.constantFrom('put', 'delete'), key })
  const changes = fc.array(change, { maxLength: 300, size: 'max' })
  const prefixes = fc.string({ unit, maxLength: 2 })
  const limits = fc.integer({ min: 1, max: 100 })
  fc.assert(
    fc.property(changes, prefixes, limits, (all, prefix, limit) => {
      const store = new KeyValueStore()
      const keys = new Set<string>()
      for (const [i, { op, key }] of all.entries()) {
        store.apply(op === 'put' ? put(key, '') : { op: 'delete', key }, i + 1)
        if (op === 'put') keys.add(key)
        else keys.delete(key)
      }
      const sorted = [...keys].sort().filter((each) => each.startsWith(prefix))
      const list = store.apply({ op: 'list', prefix, limit }, 0)
      const listed = list.kind === 'listed' && list.pairs.map((pair) => pair.key)
      expect(listed).toEqual(sorted.slice(0, limit))
      expect(store.size).toBe(keys.size)
    }),
  )
})

test('an append that would make a value too long changes nothing', () => {
  const almost = 'x'.repeat(MAX_VALUE_BYTES - 1)
  const append = (value: string): Operation => ({ op: 'append', key: 'x', value })
  expect(run(put('x', almost), append('y')).last).toMatchObject({ kind: 'changed' })
  // One character, two bytes.
  const { store, last } = run(put('x', almost), append('ä'))
  expect(last).toEqual({ kind: 'too long', bytes: MAX_VALUE_BYTES + 1 })
  expect(store.apply({ op: 'get', key: 'x' }, 3)).toMatchObject({ value: almost })
  // Of many short ones, too.
  const many = run(put('x', almost), append('y'), append('z'))
  expect(many.last).toEqual({ kind: 'too long', bytes: MAX_VALUE_BYTES + 1 })
})

test('keys and values are bounded by their bytes in UTF-8', () => {
  expect(faultOf(put('', '1'))).toBe('a key must not be empty')
  expect(faultOf(put('k'.repeat(MAX_KEY_BYTES), '1'))).toBeNull()
  expect(faultOf(put('k'.repeat(MAX_KEY_BYTES + 1), '1'))).toContain('1025')
  expect(faultOf(put('€'.repeat(342), '1'))).toContain('not 1026')
  expect(faultOf(put('x', '€'.repeat(87_381)))).toBeNull()
  expect(faultOf(put('x', '€'.repeat(87_382)))).toContain('a value can be')
  expect(faultOf(put('x', '\ud800'))).toContain('well-formed')
  expect(faultOf({ op: 'get', key: '\ud800' })).toContain('well-formed')
  expect(faultOf({ op: 'list', prefix: '' })).toBeNull()
})

test('bytes are counted as UTF-8 has them', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 2_000 })
  fc.assert(
    fc.property(text, (value) => {
      const bytes = Buffer.byteLength(value)
      // The rest fills the value up to its last byte.
      const rest = 'x'.repeat(MAX_VALUE_BYTES - bytes)
      expect(faultOf(put('x', value + rest))).toBeNull()
      expect(faultOf(put('x', `${value + rest}x`))).toContain('a value can be')
    }),
    { numRuns: 50 },
  )
})
