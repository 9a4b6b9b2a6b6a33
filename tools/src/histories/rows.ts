/** A history as this repository writes it: one row an event. */
import { z } from 'zod'
import { check, type Finding } from './check.ts'
import { HistoryBuilder, type HistoryEvent } from './events.ts'

const condition = z.union([
  z.object({ version: z.int() }).strict(),
  z.object({ absent: z.literal(true) }).strict(),
])

const rowOfHistory = z.object({
  type: z.enum(['invoke', 'ok', 'fail', 'info']),
  process: z.union([z.int(), z.string()]),
  f: z.string(),
  key: z.string().default(''),
  value: z.unknown().optional(),
  if: condition.optional(),
  version: z.int().nullish(),
  previous: z.unknown().optional(),
  held: z.boolean().optional(),
})

/** @throws ZodError when it is none. */
export function eventOfRow(row: unknown): HistoryEvent {
  const { process, if: asked, held, ...event } = z.parse(rowOfHistory, row)
  const { type, f, key, value, version, previous } = event
  const found = f === 'get' || f === 'read' || f === 'list' ? { value } : { previous }
  return {
    ...{ type, f, key, value, process: `${process}` },
    condition: asked ?? null,
    answer: {
      ...found,
      ...(version != null && { version }),
      ...(held !== undefined && { held }),
    },
  }
}

/** Whether a service's clients saw what can be explained, key by key. */
export function checkRows(rows: readonly unknown[], timeoutMs = 60_000): Finding {
  const builder = new HistoryBuilder()
  for (const row of rows) builder.add(eventOfRow(row))
  const limits = { deadline: performance.now() + timeoutMs, maxSteps: MAX_STEPS }
  return check(builder.finish(null), { model: 'kv', split: true, limits })
}

/** Far more than a history takes that can be checked in the time. */
const MAX_STEPS = 16_000_000
