/**
 * What a case can be: all that the explorer saves, and nothing that would keep a replay busy
 * for ever, or that would do nothing and pass for "no violation".
 */
import { z } from 'zod'
import { MAX_SEED } from '../cli/numbers.ts'
import { type FaultName, serversOf } from '../lab/faults/index.ts'
import { MAX_DURATION_S, MAX_SERVERS } from './options.ts'

const MOST_FAULTS = 10_000
const MOST_COMMANDS = 100_000
const MOST_STEPS = 1_000
/** Each of them can do as much as so many others. */
const MOST_FOLDER_STEPS = 100
const MOST_CLIENTS = 100
const MOST_OPERATIONS = 10_000
/** Of all commands together, in characters. */
const MOST_TEXT = 100_000_000
const MOST_MS = MAX_DURATION_S * 1000
/** As many times as fast, or as slow, as the world's. */
const FASTEST_CLOCK = 100

const ms = z.number().min(0).max(MOST_MS)
const count = z.int().min(0).max(MAX_SEED)
const id = z
  .int()
  .min(0)
  .max(MAX_SERVERS - 1)
/** Of entries, or of operations on files. */
const few = z.int().min(0).max(MOST_STEPS)
const share = z.number().min(0).max(1)
const speed = z.number().positive().max(Number.MAX_SAFE_INTEGER)

const moment = z.union([
  z.strictObject({ on: z.enum(['time', 'vote', 'append', 'snapshot']) }),
  z.strictObject({ on: z.literal('write'), count }),
])

/** What each kind of the laboratory's table must know. */
const FIELDS: Readonly<Record<FaultName, z.ZodRawShape>> = {
  crash: { server: id, moment: moment.optional() },
  pause: { server: id },
  disconnect: { server: id },
  cut: { from: id, to: id },
  partition: { groups: z.array(z.array(id).max(MAX_SERVERS)).max(MAX_SERVERS) },
  loss: { chance: share },
  duplication: { chance: share },
  delay: { chance: share, maxMs: ms.min(1) },
  clock: {
    server: id,
    rate: z
      .number()
      .min(1 / FASTEST_CLOCK)
      .max(FASTEST_CLOCK),
  },
  'slow-link': { from: id, to: id, bytesPerSecond: speed },
  'slow-machine': {
    server: id,
    speed: z.strictObject({
      bytesPerSecond: speed.optional(),
      entriesPerSecond: speed.optional(),
    }),
  },
  'slow-disk': {
    server: id,
    speed: z.strictObject({
      bytesPerSecond: speed.optional(),
      syncMs: speed.optional(),
    }),
  },
  unreliable: {},
  'drop-calls': { server: id, after: count },
  'add-server': { server: id.optional() },
  'remove-server': { server: id },
  transfer: { server: id },
}

const timed = { atMs: ms, forMs: ms.optional(), fromLeader: z.boolean().optional() }

const faults = Object.entries(FIELDS).map(([kind, fields]) =>
  z.strictObject({ kind: z.literal(kind), ...timed, ...fields }),
)
type OneOrMore = [(typeof faults)[number], ...typeof faults]
const fault = z.discriminatedUnion('kind', faults as OneOrMore)

const step = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('vote'), term: count, votedFor: count.nullable() }),
  z.strictObject({ kind: z.literal('entry'), index: count.min(1), term: count }),
  z.strictObject({ kind: z.literal('sync') }),
])

const trouble = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['torn', 'damage', 'zeros']), share }),
  z.strictObject({ kind: z.literal('sectors'), shares: z.array(share).max(MOST_STEPS) }),
  z.strictObject({ kind: z.enum(['power', 'killed', 'failure', 'second']) }),
])

const folderStep = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('vote'), votedFor: id.nullable() }),
  z.strictObject({ kind: z.literal('entries'), count: few, back: few }),
  z.strictObject({ kind: z.literal('take'), behind: few, meanwhile: few }),
  z.strictObject({
    kind: z.literal('install'),
    ahead: z.int().min(-MOST_STEPS).max(MOST_STEPS),
    isOther: z.boolean(),
  }),
])

const folder = z.strictObject({
  steps: z.array(folderStep).max(MOST_FOLDER_STEPS),
  failsAfter: few,
})

/** The part knows what its operations are. */
const client = z.strictObject({
  startsAtMs: ms,
  gapMs: ms,
  operations: z.array(z.looseObject({})).max(MOST_OPERATIONS),
})

const schedule = z
  .strictObject({
    seed: count,
    servers: z.int().min(1).max(MAX_SERVERS),
    durationMs: ms,
    timeouts: count,
    faults: z.array(fault).max(MOST_FAULTS),
    commandsAtMs: z.array(ms).max(MOST_COMMANDS),
    commandLength: count.optional(),
    clients: z.array(client).max(MOST_CLIENTS).optional(),
    lease: z.boolean().optional(),
    file: z.strictObject({ steps: z.array(step).max(MOST_STEPS), trouble }).nullable(),
    folder: folder.nullish(),
  })
  .superRefine(({ servers, faults, commandsAtMs, commandLength = 0 }, context) => {
    if (commandLength * commandsAtMs.length > MOST_TEXT) {
      const message = `the commands have more than ${MOST_TEXT} characters in all`
      context.addIssue({ code: 'custom', message, path: ['commandLength'] })
    }
    const at = faults.findIndex((one) => serversOf(one).some((id) => id >= servers))
    if (at === -1) return
    const message = `there are ${servers} servers, from 0 on`
    context.addIssue({ code: 'custom', message, path: ['faults', at] })
  })

const text = z.string().max(10_000)

export const caseSchema = z.strictObject({
  part: z.string().regex(/^((exercises|puzzles)\/.*)?part\d+$/, 'it can be like part3'),
  mistake: text.optional(),
  foundWithSeed: count,
  violation: z.strictObject({ invariant: text, message: text, atMs: z.number() }),
  schedule,
})
