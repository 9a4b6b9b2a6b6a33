/**
 * Properties that hold whatever comes in. `npm test` tries for a moment, from a seed that is
 * printed; `npm run fuzz` as long as one likes.
 */
import fc from 'fast-check'
import { test } from 'vitest'

// For the tests of packages that do not have it.
export { fc }

/** In s, for each property. */
const { FUZZ_SECONDS = '1', FUZZ_SEED } = process.env
const TIME_MS = Number(FUZZ_SECONDS) * 1000
const SEED = FUZZ_SEED === undefined ? Date.now() % 2 ** 31 : Number(FUZZ_SEED)

/** Far above what one try takes. */
const GRACE_MS = 120_000

export function fuzz<T>(
  name: string,
  input: fc.Arbitrary<T>,
  holds: (input: T) => void | Promise<void>,
): void {
  test(name, { timeout: TIME_MS + GRACE_MS }, async () => {
    console.log(`FUZZ_SEED=${SEED} tries the same again: ${name}`)
    await fc.assert(
      fc.asyncProperty(input, async (value) => holds(value)),
      {
        seed: SEED,
        numRuns: Number.MAX_SAFE_INTEGER,
        interruptAfterTimeLimit: TIME_MS,
        markInterruptAsFailure: false,
      },
    )
  })
}

/** Any JSON, with what is special somewhere more often than elsewhere. */
const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    ...[null, true, -1, 0.5, 2 ** 31, 2 ** 53, 1e308, '', [], {}],
  ),
  fc.constantFrom(
    '__proto__',
    '</script><script>',
    '\u001b]0;x\u0007',
    '\ud800',
    '../..',
  ),
  fc.jsonValue({ maxDepth: 3 }),
)

/** An object with some of its fields, at any depth, replaced or taken away. */
export function spoilt(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value !== 'object' || value === null) return fc.constant(value)
  const fields = Object.entries(value).map(([name, field]) => {
    const choice = fc.oneof(
      { arbitrary: spoilt(field), weight: 12 },
      { arbitrary: anything, weight: 1 },
      { arbitrary: fc.constant(undefined), weight: 1 },
    )
    return choice.map((spoiltField) => [name, spoiltField] as const)
  })
  return fc.tuple(...fields).map((entries) => {
    if (Array.isArray(value)) return entries.map(([, field]) => field)
    return Object.fromEntries(entries)
  })
}
