/** What the checker says of histories, and that it says what trying every order says. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { check } from '../../src/histories/check.ts'
import type {
  Answer,
  Condition,
  History,
  Operation,
  StaleRead,
} from '../../src/histories/history.ts'
import { keyValue, register, versionsTold, whole } from '../../src/histories/model.ts'

const LIMITS = { deadline: Number.POSITIVE_INFINITY, maxSteps: 100_000 }

type Told = Partial<Operation> & { at: readonly [number, number | null] }

/** `at`: when it was invoked and when it returned; null for never. */
function historyOf(told: readonly Told[]): History {
  const operations = told
    .map(({ at: [invokedAt, returnedAt], ...operation }, i) => ({
      process: `${i}`,
      f: 'put',
      key: 'x',
      value: null,
      condition: null,
      invokedAt,
      returnedAt: returnedAt ?? Number.POSITIVE_INFINITY,
      answer: returnedAt === null ? null : {},
      ...operation,
    }))
    .sort((a, b) => a.invokedAt - b.invokedAt)
  return { operations, staleReads: [], others: [], times: [], initial: null }
}

function verdict(told: readonly Told[]): string {
  const options = { model: 'kv', limits: LIMITS } as const
  const split = check(historyOf(told), { ...options, split: true }).verdict
  // What is true of each key is true of all together.
  expect(check(historyOf(told), { ...options, split: false }).verdict).toBe(split)
  return split
}

const put = (at: Told['at'], value: string, answer: Answer = {}): Told => ({
  ...{ at, f: 'put', value },
  answer: at[1] === null ? null : answer,
})
const append = (at: Told['at'], value: string): Told => ({
  ...put(at, value),
  f: 'append',
})
const get = (at: Told['at'], value: string | null, version?: number): Told => ({
  ...{ at, f: 'get', answer: { value, version } },
})
const onlyIf = (condition: Condition, told: Told): Told => ({ ...told, condition })

describe('a history is linearizable when', () => {
  test.each<[string, Told[]]>([
    ['nothing happened', []],
    ['one thing happens after the other', [put([1, 2], 'a'), get([3, 4], 'a')]],
    ['a read sees a write that is under way', [put([1, 4], 'a'), get([2, 3], 'a')]],
    ['a read does not see one yet', [put([1, 4], 'a'), get([2, 3], null)]],
    [
      'an unknown write takes effect after everything else',
      [put([1, null], 'a'), get([2, 3], null), put([4, 5], 'b'), get([6, 7], 'a')],
    ],
    ['an unknown write never takes effect', [put([1, null], 'a'), get([2, 3], null)]],
    [
      'a condition holds once',
      [
        onlyIf({ absent: true }, put([1, 4], 'a', { held: true })),
        onlyIf({ absent: true }, put([2, 3], 'b', { held: false })),
        get([5, 6], 'a'),
      ],
    ],
    [
      'a version is found that a change of unknown outcome may have',
      [put([1, null], 'a'), get([2, 3], 'a', 7), get([4, 5], 'a', 7)],
    ],
    [
      'an unknown delete is needed for the condition of an unknown write',
      [
        put([1, 2], 'a'),
        { at: [3, null], f: 'delete' },
        onlyIf({ absent: true }, put([4, null], 'b')),
        get([5, 6], 'b'),
      ],
    ],
  ])('%s', (_, told) => expect(verdict(told)).toBe('linearizable'))
})

describe('a history is not linearizable when', () => {
  test.each<[string, Told[]]>([
    ['a read is stale', [put([1, 2], 'a'), put([3, 4], 'b'), get([5, 6], 'a')]],
    ['a write is lost', [put([1, 2], 'a'), get([3, 4], null)]],
    ['an append is carried out twice', [append([1, 2], 'a'), get([3, 4], 'aa')]],
    [
      'two reads see two changes in different orders',
      [
        put([1, 9], 'a'),
        put([1, 9], 'b'),
        get([2, 3], 'a'),
        get([4, 5], 'b'),
        get([6, 7], 'a'),
      ],
    ],
    [
      'a condition held twice',
      [
        onlyIf({ absent: true }, put([1, 4], 'a', { held: true })),
        onlyIf({ absent: true }, put([2, 3], 'b', { held: true })),
      ],
    ],
    [
      'a condition held that did not',
      [onlyIf({ version: 3 }, put([1, 2], 'a', { held: true }))],
    ],
    [
      'what was there before is another',
      [put([1, 2], 'a'), put([3, 4], 'b', { previous: 'c' })],
    ],
    [
      'a version changes by itself',
      [put([1, 2], 'a', { version: 1 }), get([3, 4], 'a', 2)],
    ],
    [
      'a value is seen before the write of it began',
      [get([1, 2], 'a'), put([3, 4], 'a')],
    ],
  ])('%s', (_, told) => expect(verdict(told)).toBe('not linearizable'))
})

test('keys tell nothing of each other, but a list tells of all', () => {
  const told: Told[] = [
    { ...put([1, 2], 'a'), key: 'x' },
    { ...put([3, 4], 'b'), key: 'y' },
    { at: [5, 6], f: 'list', key: '', answer: { value: [['y', 'b']] } },
  ]
  const options = { model: 'kv', split: true, limits: LIMITS } as const
  expect(check(historyOf(told), options).verdict).toBe('not linearizable')
  expect(check(historyOf(told.slice(0, 2)), options).verdict).toBe('linearizable')
})

describe('a stale read', () => {
  /** Key x is a, then b, then away; y is c in between. One change has no answer. */
  const changes = [
    put([1, 2], 'a', { version: 2, previous: null }),
    { ...put([3, 4], 'c', { version: 3, previous: null }), key: 'y' },
    put([5, 6], 'b', { version: 5, previous: 'a' }),
    { at: [7, 8], f: 'delete', answer: { version: 8, previous: 'b' } } as const,
    append([9, null], 'd'),
  ]
  const stale = (told: Told, life: string | null = 'server 0'): StaleRead => ({
    ...(historyOf([told]).operations[0] as Operation),
    life,
  })
  const list = (at: Told['at'], value: unknown): Told => ({
    ...{ at, f: 'list', key: '', answer: { value } },
  })

  function verdictOf(staleReads: readonly StaleRead[]): string {
    const history = { ...historyOf(changes), staleReads }
    const { stale, verdict } = check(history, {
      ...{ model: 'kv', split: true, limits: LIMITS },
    })
    expect(stale === null).toBe(verdict === 'linearizable')
    if (!stale) return 'in order'
    return stale.after ? 'goes back' : 'never was'
  }

  test.each<[string, StaleRead[]]>([
    ['shows what is long past', [stale(get([10, 11], 'a', 2))]],
    ['shows nothing yet', [stale(get([10, 11], null))]],
    ['goes forward', [stale(get([10, 11], 'a', 2)), stale(get([12, 13], 'b', 5))]],
    [
      'shows a key that is away again',
      [stale(get([10, 11], 'b', 5)), stale(get([12, 13], null))],
    ],
    [
      'is older than that of another server',
      [stale(get([10, 11], 'b', 5)), stale(get([12, 13], 'a', 2), 'server 1')],
    ],
    [
      'is older than that of an unknown one',
      [stale(get([10, 11], 'b', 5), null), stale(get([12, 13], 'a', 2), null)],
    ],
    [
      'is older than one that was under way with it',
      [stale(get([10, 13], 'b', 5)), stale(get([11, 12], 'a', 2))],
    ],
    ['shows a change without an answer', [stale(get([10, 11], 'd', 10))]],
    [
      'lists one moment',
      [
        stale(
          list(
            [10, 11],
            [
              ['x', 'a'],
              ['y', 'c'],
            ],
          ),
        ),
      ],
    ],
  ])('is right when it %s', (_, reads) => expect(verdictOf(reads)).toBe('in order'))

  test.each<[string, StaleRead[]]>([
    ['a value that nobody wrote', [stale(get([10, 11], 'z', 2))]],
    ['a version that nobody made', [stale(get([10, 11], 'a', 4))]],
    ['what is written only later', [stale(get([2.5, 2.6], 'b', 5))]],
    ['a change without an answer before it began', [stale(get([8.5, 8.6], 'd', 10))]],
    ['two moments in one list', [stale(list([10, 11], [['x', 'b']]))]],
  ])('is wrong when it shows %s', (_, reads) =>
    expect(verdictOf(reads)).toBe('never was'),
  )

  test.each<[string, StaleRead[]]>([
    ['of the key', [stale(get([10, 11], 'b', 5)), stale(get([12, 13], 'a', 2))]],
    [
      'of another key',
      [
        stale({ ...get([10, 11], 'c', 3), key: 'y' }),
        stale(get([12, 13], null)),
        stale(get([14, 15], 'a', 2)),
      ],
    ],
    [
      'of a change without an answer',
      [stale(get([10, 11], 'd', 10)), stale(get([12, 13], 'b', 5))],
    ],
    [
      'in a list',
      [
        stale(
          list(
            [10, 11],
            [
              ['x', 'b'],
              ['y', 'c'],
            ],
          ),
        ),
        stale(get([12, 13], 'a', 2)),
      ],
    ],
  ])('is wrong when it is older than what the server had shown %s', (_, reads) =>
    expect(verdictOf(reads)).toBe('goes back'),
  )
})

test('what cannot be explained is told: how far one comes, and what has no place', () => {
  const told = [put([1, 2], 'a'), put([3, 4], 'b'), get([5, 6], 'a'), get([7, 8], 'b')]
  const options = { model: 'kv', split: true, limits: LIMITS } as const
  const found = check(historyOf(told), options)
  expect(found.longest).toEqual([0, 1])
  expect(found.stuckAt).toEqual([2])
  expect(found.key).toBe('x')
})

test('a search that would take too much says so', () => {
  const told = Array.from({ length: 12 }, (_, i) => put([i, 100 + i], `${i}`))
  const history = historyOf([...told, get([200, 201], 'none of them')])
  const options = { model: 'kv', split: true } as const
  const memory = { deadline: Number.POSITIVE_INFINITY, maxSteps: 100 }
  expect(check(history, { ...options, limits: memory })).toMatchObject({
    ...{ verdict: 'unknown', reason: 'memory' },
  })
  const time = { deadline: performance.now() - 1, maxSteps: 1_000_000 }
  expect(check(history, { ...options, limits: time })).toMatchObject({
    ...{ verdict: 'unknown', reason: 'time' },
  })
})

const answer = fc.record(
  {
    value: fc.constantFrom(null, 'a', 'b', 'ab'),
    version: fc.constantFrom(undefined, 1, 2),
    previous: fc.constantFrom(undefined, null, 'a'),
    held: fc.boolean(),
  },
  { requiredKeys: ['value', 'version', 'previous'] },
)

const operation = (names: readonly string[]) =>
  fc.record({
    f: fc.constantFrom(...names),
    value: fc.constantFrom('a', 'b'),
    key: fc.constantFrom('x', 'y'),
    condition: fc.constantFrom(null, { absent: true }, { version: 1 }),
    answer: fc.option(answer),
    from: fc.integer({ min: 0, max: 9 }),
    for: fc.integer({ min: 0, max: 9 }),
  })

/** Five operations of a service at random: some histories can be explained, most cannot. */
const history = (names: readonly string[]) =>
  fc.array(operation(names), { maxLength: 6 }).map((told) =>
    historyOf(
      told.map(({ from, for: lasts, answer, condition, ...rest }, i) => ({
        ...rest,
        condition: condition as Condition | null,
        answer: answer as Answer | null,
        // No two events at the same place.
        at: [10 * from + i, answer === null ? null : 10 * (from + lasts) + i + 0.5],
      })),
    ),
  )

test('an operation of unknown outcome can be what another one needed', () => {
  // A delete that nobody heard of, a put where nothing is, and the get that shows it.
  const told: Told[] = [
    put([0, 1], 'a', { version: 1 }),
    { at: [2, null], f: 'delete', answer: null },
    { at: [3, null], f: 'put', value: 'b', condition: { absent: true }, answer: null },
    { at: [4, 5], f: 'get', answer: { value: 'b', version: 3 } },
  ]
  expect(verdict(told)).toBe('linearizable')
  expect(verdict(told.filter(({ f }) => f !== 'delete'))).toBe('not linearizable')
})

/** Tries every order that time allows, by all those who may be left out. */
function canBeExplained({ operations, initial }: History): boolean {
  const model = whole(keyValue(versionsTold(operations)), initial)
  const visit = (
    left: readonly Operation[],
    state: ReturnType<typeof model.initial>,
  ): boolean =>
    left.every((operation) => operation.answer === null) ||
    left.some((operation) => {
      const isNext = left.every(({ returnedAt }) => operation.invokedAt < returnedAt)
      const next = isNext ? model.step(state, operation) : undefined
      const rest = left.filter((other) => other !== operation)
      return next !== undefined && visit(rest, next)
    })
  return visit(operations, model.initial(initial))
}

test('says what trying every order says', () => {
  const names = ['put', 'append', 'delete', 'get']
  let explained = 0
  fc.assert(
    fc.property(history(names), (drawn) => {
      const expected = canBeExplained(drawn) ? 'linearizable' : 'not linearizable'
      if (expected === 'linearizable') explained += 1
      for (const split of [true, false]) {
        const options = { model: 'kv', split, limits: LIMITS } as const
        expect(check(drawn, options).verdict).toBe(expected)
      }
    }),
    { numRuns: 10_000 },
  )
  expect(explained).toBeGreaterThan(100)
})

test('a register compares and sets', () => {
  const at = { process: '0', key: '', condition: null, invokedAt: 0, returnedAt: 1 }
  const cas = { ...at, f: 'cas', value: [1, 2] }
  expect(register.step(1, { ...cas, answer: { held: true } })).toBe(2)
  expect(register.step(1, { ...cas, answer: { held: false } })).toBeUndefined()
  expect(register.step(3, { ...cas, answer: { held: false } })).toBe(3)
  expect(
    register.step(null, { ...at, f: 'read', value: null, answer: { value: null } }),
  ).toBeNull()
})
