/** What a person can do to the cluster. With the seed, the actions decide everything. */
import { FAULT_WORDS, type FaultWord } from 'tools/lab/faults/buttons'
import { z } from 'zod/mini'

export const SIZES = [3, 4, 5, 7] as const
export const MAX_SEED = 2 ** 31 - 1
/** Ten minutes of simulated time, in ms: further than anybody watches. */
export const MAX_TIME_MS = 600_000
export const MAX_ACTIONS = 500
export const MAX_COMMAND_LENGTH = 40

/** With those that are added, where a part's clusters change. */
export const MOST_SERVERS = 9

/** A whole number, and what to say of anything else. */
function whole(name: string, max: number) {
  const error = ({ input }: { input?: unknown }) =>
    `the link’s ${name} is "${input ?? ''}", and not from 0 to ${max}`
  return z.int({ error }).check(z.gte(0, { error }), z.lte(max, { error }))
}

function text(name: string, min: number) {
  const error = `a ${name} has ${min} to ${MAX_COMMAND_LENGTH} characters`
  return z
    .string({ error })
    .check(z.minLength(min, { error }), z.maxLength(MAX_COMMAND_LENGTH, { error }))
}

const badTime = ({ input }: { input?: unknown }) =>
  `the link says "${input ?? ''}" where a time in ms should be`

const time = z
  .number({ error: badTime })
  .check(z.gte(0, { error: badTime }), z.lte(MAX_TIME_MS, { error: badTime }))

const server = whole('server', MOST_SERVERS - 1)

/** All that can be done, and what must be said of it, in the order of a link. */
const FIELDS = {
  timeout: { server },
  // Those of the laboratory that a person causes.
  ...(Object.fromEntries(FAULT_WORDS.map((word) => [word, { server }])) as Record<
    FaultWord,
    { server: typeof server }
  >),
  submit: { server, command: text('command', 1) },
  snapshot: { server },
  /** Where a part's clusters change: a new server joins, one leaves, one is to lead. */
  add: {},
  remove: { server },
  lead: { server },
  cut: { server, other: server },
  mend: { server, other: server },
  /** Where a part serves clients: what one asks for, by a name that the part knows. */
  ask: { what: text('request', 1), key: text('key', 1), value: text('value', 0) },
  /** The leader's answers to that client do not arrive, until they are let through. */
  hold: {},
  release: {},
  /** All election timers will fire at one moment; or one well after the other. */
  align: {},
  spread: {},
}

export type Verb = keyof typeof FIELDS

type Fields = {
  readonly [V in Verb]: { readonly do: V } & {
    readonly [F in keyof (typeof FIELDS)[V]]: (typeof FIELDS)[V][F] extends z.ZodMiniType
      ? z.infer<(typeof FIELDS)[V][F]>
      : never
  }
}

/** An action that is yet to get its time. */
export type Deed = Fields[Verb]

export type Action = { readonly [V in Verb]: Fields[V] & { readonly at: number } }[Verb]

export function isVerb(word: string): word is Verb {
  return Object.hasOwn(FIELDS, word)
}

export function fieldsOf(verb: Verb): readonly string[] {
  return Object.keys(FIELDS[verb])
}

const actions = Object.entries(FIELDS).map(([verb, fields]) =>
  z.strictObject({ do: z.literal(verb), at: time, ...fields }),
)
type OneOrMore = [(typeof actions)[number], ...typeof actions]

/** What can come from elsewhere, in a link: nothing else is ever run. */
export const recordingSchema = z.object({
  part: z.int(),
  servers: z.literal(SIZES, {
    error: ({ input }: { input?: unknown }) =>
      `there can be ${SIZES.join(', ')} servers, not "${input}"`,
  }),
  seed: whole('seed', MAX_SEED),
  mistake: z.optional(
    z.string().check(z.regex(/^[a-z0-9-]{1,60}$/, { error: 'no mistake is called so' })),
  ),
  change: z.optional(
    z.string().check(
      z.regex(/^[\w-]{1,60000}$/, {
        error: 'the change to the code that it carries was cut, or is too long',
      }),
    ),
  ),
  time,
  actions: z.array(z.discriminatedUnion('do', actions as OneOrMore)).check(
    z.maxLength(MAX_ACTIONS, {
      error: `the link has more than ${MAX_ACTIONS} actions`,
    }),
  ),
})

/** Which cluster, before anything happens to it. */
export interface Setup {
  readonly part: number
  readonly servers: number
  readonly seed: number
  /** Of the gallery: the part with this in it runs beside the part as it is. */
  readonly mistake?: string | undefined
  /** A person's own, as a link carries it: the same with that. */
  readonly change?: string | undefined
}

/** All that happened: enough to let it happen again. */
export interface Recording extends Setup {
  readonly actions: readonly Action[]
}

/** Times in links are whole tenths of a ms, which read well. */
const TENTHS = 10
/** What is nearer to a whole tenth than this is meant to be one. */
const ROUNDING = 1e-6

/** The next whole tenth: what has happened by a time has happened by then. */
export function inTenths(time: number): number {
  return Math.ceil(time * TENTHS - ROUNDING) / TENTHS
}
