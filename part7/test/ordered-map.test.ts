/** OrderedMap: what this project counts on of a library. */
import { expect, test } from 'vitest'
import { orderedByNumber, orderedByText } from '../src/ordered-map.ts'

test('text stands in the order of its code units, and numbers in theirs', () => {
  const texts = ['b', 'B', 'ä', 'a', '', '10', '9', '\uffff', '😀']
  const byText = orderedByText<number>()
  for (const [i, text] of texts.entries()) byText.set(text, i)
  expect([...byText.keys()]).toEqual([...texts].sort())

  const byNumber = orderedByNumber<string>()
  for (const number of [10, 9, 1, 100]) byNumber.set(number, `${number}`)
  expect([...byNumber.keys()]).toEqual([1, 9, 10, 100])
  expect(byNumber.minKey()).toBe(1)
})

test('it can be walked from any key on', () => {
  const map = orderedByText<number>()
  for (let i = 0; i < 1_000; i += 1) map.set(`${1_000 + i}`, i)
  expect([...map.entries('1997')].map(([, i]) => i)).toEqual([997, 998, 999])
  expect([...map.entries('19965')].map(([, i]) => i)).toEqual([997, 998, 999])
  expect([...map.entries('2')]).toEqual([])
})

test('a clone keeps what it had, whatever is changed in the other', () => {
  const map = orderedByNumber<string>()
  for (let i = 0; i < 1_000; i += 1) map.set(i, 'before')
  const clone = map.clone()
  for (let i = 0; i < 1_000; i += 2) map.delete(i)
  for (let i = 1; i < 1_000; i += 2) map.set(i, 'after')
  map.set(1_000, 'new')
  expect([...clone.values()]).toEqual(Array.from({ length: 1_000 }, () => 'before'))
  clone.set(5, 'of the clone')
  expect(map.get(5)).toBe('after')
  expect([map.size, clone.size]).toEqual([501, 1_000])
})

test('what is changed during a walk through a clone is not seen there', () => {
  const map = orderedByNumber<string>()
  for (let i = 0; i < 1_000; i += 1) map.set(i, 'before')
  const walked: string[] = []
  for (const value of map.clone().values()) {
    walked.push(value)
    map.set(walked.length, 'after')
    map.delete(1_000 - walked.length)
  }
  expect(walked).toEqual(Array.from({ length: 1_000 }, () => 'before'))
})
