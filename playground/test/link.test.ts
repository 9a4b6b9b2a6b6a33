/** A link holds a whole run; one that was cut or made up is refused with a reason. */
import { expect, test } from 'vitest'
import type { Recording } from '../src/sim/action.ts'
import { fromHash, LinkError, toHash } from '../src/sim/link.ts'

const RUN: Recording = {
  part: 3,
  servers: 5,
  seed: 42,
  actions: [
    { do: 'timeout', at: 12.3, server: 4 },
    { do: 'submit', at: 200, server: 4, command: 'a=1;b,c&d=#é %' },
    { do: 'cut', at: 201.5, server: 0, other: 3 },
    { do: 'crash', at: 300, server: 1 },
    { do: 'ask', at: 310.5, what: 'put', key: 'k,1', value: '' },
    { do: 'align', at: 320 },
  ],
}

test('a link holds part, servers, seed, time and actions', () => {
  const hash = toHash(RUN, 1234.9)
  expect(hash).toMatch(
    /^part=3&servers=5&seed=42&t=1234.9&do=12\.3,timeout,4;200,submit/,
  )
  expect(fromHash(`#${hash}`)).toEqual({ recording: RUN, time: 1234.9 })
})

test('a link opens no sooner than what was seen when it was made', () => {
  const actions = [{ do: 'crash', at: 908.9, server: 1 } as const]
  for (const time of [908.9, 908.8123, 1.1, 0.3]) {
    const target = fromHash(toHash({ ...RUN, actions }, time))
    const shown = target && 'time' in target ? target.time : 0
    expect(shown).toBeGreaterThanOrEqual(time)
    expect(shown).toBeLessThan(time + 0.1)
  }
})

test('a link can name a scene, or nothing', () => {
  expect(fromHash('#scene=figure-8')).toEqual({ scene: 'figure-8' })
  expect(fromHash('')).toBeNull()
  expect(fromHash('#how-to-read-it')).toBeNull()
})

test.each([
  ['part=99', 'part is "99"'],
  ['part=', 'part is ""'],
  ['part=1&servers=99', 'there can be 3, 4, 5, 7 servers, not "99"'],
  ['part=1&seed=-1', 'seed is "-1"'],
  ['part=1&seed=1e9', 'seed is "1e9"'],
  ['part=1&t=9999999', '"9999999" where a time in ms'],
  ['part=1&t=-1', '"-1" where a time in ms'],
  ['part=1&t=600000.1', '"600000.1" where a time in ms'],
  ['part=1&do=1,explode,0', 'nothing that can be done'],
  ['part=1&do=1,crash,5', 'server is "5"'],
  ['part=1&do=x,crash,0', '"x" where a time in ms'],
  ['part=1&do=1,cut,0', 'server is ""'],
  ['part=1&do=1,submit,0', 'a command has 1 to 40 characters'],
  ['part=1&do=1,ask,put,,1', 'a key has 1 to 40 characters'],
  ['part=1&servers=3&do=1,crash,4', 'server is "4", and not from 0 to 2'],
  ['part=1&mistake=../x', 'no mistake is called so'],
  [`part=1&t=${'1'.repeat(100_000)}`, 'too long'],
  ['part=1&do=1,submit,0,%E0%A4%A', 'cannot be read'],
  [`part=1&do=${'1,crash,0;'.repeat(501)}`, 'more than 500 actions'],
])('%s is refused', (hash, reason) => {
  expect(() => fromHash(hash)).toThrow(LinkError)
  expect(() => fromHash(hash)).toThrow(reason)
})
