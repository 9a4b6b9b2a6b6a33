/**
 * The three ways in which histories are written: NDJSON, as this repository writes them;
 * Jepsen's history.edn, one map a line; and the lines of a jepsen.log.
 */
import { parseEDNString } from 'edn-data'
import { z } from 'zod'
import { bytesOf, whyUnreadable } from '../cli/input.ts'
import { linesOf, TOO_LONG } from '../cli/lines.ts'
import type { ModelName } from './check.ts'
import { HistoryBuilder, HistoryError, type HistoryEvent } from './events.ts'
import type { History } from './history.ts'
import { keyValue, register } from './model.ts'
import { eventOfRow } from './rows.ts'

type ReadLine = (line: string) => HistoryEvent | null

interface Format {
  /** Whether a file that begins with this line is of the format. */
  readonly fits: (line: string) => boolean
  readonly read: ReadLine
  readonly initial: (model: ModelName) => unknown
}

export interface Read {
  readonly history: History
  readonly model: ModelName
}

/** In characters. A history's line is short. */
const SHOWN_LENGTH = 80

/**
 * Reads a file.
 *
 * @param model of the operations, or null to tell it from them.
 * @throws HistoryError with the line's number when it is no history.
 */
export async function readHistory(
  file: string,
  model: ModelName | null = null,
): Promise<Read> {
  const builder = new HistoryBuilder()
  const reason = await whyUnreadable(file, 'history')
  if (reason !== null) throw new HistoryError(reason)
  let format: Format | null = null
  let guess: ModelName | null = model
  let number = 0
  for await (const lines of linesOf(bytesOf(file))) {
    for (const bytes of lines) {
      number += 1
      try {
        const line = textOf(bytes)
        if (line.trim() === '') continue
        format ??= formatOf(line)
        const event = format.read(line)
        if (!event) continue
        guess ??= register.operations.includes(event.f) ? 'register' : 'kv'
        mustBeKnown(event)
        builder.add(event)
      } catch (error) {
        throw new HistoryError(`${file}:${number}: ${(error as Error).message}`)
      }
    }
  }
  if (!format || !guess) throw new HistoryError(`${file} holds no history`)
  return { history: builder.finish(format.initial(guess)), model: guess }
}

function textOf(line: Buffer): string {
  if (line !== TOO_LONG) return line.toString('utf8')
  throw new HistoryError('this line is longer than that of any history')
}

const OPERATIONS = [...register.operations, ...keyValue(new Set()).operations, 'list']

/** What no model knows would be explained by whatever order there is. */
function mustBeKnown({ type, f, value }: HistoryEvent): void {
  if (!OPERATIONS.includes(f)) {
    throw new HistoryError(`f is one of ${OPERATIONS.join(', ')}, not ${f}`)
  }
  if (f !== 'cas' || type !== 'invoke') return
  if (Array.isArray(value) && value.length === 2) return
  throw new HistoryError(
    'the value of a cas is two: what it expects, and what it writes',
  )
}

function formatOf(line: string): Format {
  const format = FORMATS.find(({ fits }) => fits(line))
  if (format) return format
  throw new HistoryError(
    `this is no event of a history: ${line.slice(0, SHOWN_LENGTH)}; expected ` +
      '{"type": "invoke", …}, {:type :invoke, …} or INFO jepsen.util - …',
  )
}

const condition = z.union([
  z.object({ version: z.int() }).strict(),
  z.object({ absent: z.literal(true) }).strict(),
])

const row = z.object({
  type: z.enum(['invoke', 'ok', 'fail', 'info']),
  process: z.union([z.int(), z.string()]),
  f: z.string(),
  key: z.string().default(''),
  value: z.unknown().optional(),
  if: condition.optional(),
  version: z.int().nullish(),
  previous: z.unknown().optional(),
  held: z.boolean().optional(),
  stale: z.literal(true).optional(),
  server: z.int().optional(),
  life: z.int().optional(),
  time: z.number().optional(),
})

/** In a ms: Jepsen counts in them. */
const NANOSECONDS = 1_000_000

const readNdjson = (line: string): HistoryEvent =>
  eventOfRow(z.parse(row, JSON.parse(line)))

const ednEvent = z.object({
  type: z.enum(['invoke', 'ok', 'fail', 'info']),
  process: z.union([z.int(), z.string()]),
  f: z.string(),
  key: z.unknown(),
  value: z.unknown().optional(),
  time: z.number().optional(),
})

/** Of nemeses, who do something to the servers, and are no clients. */
function readEdn(line: string): HistoryEvent | null {
  const text = line.trim().replace(/^\[|\]$/g, '')
  const map = parseEDNString(text, { mapAs: 'object', keywordAs: 'string' })
  const { type, process, f, key, value, time } = z.parse(ednEvent, map)
  if (typeof process === 'string') return null
  return {
    ...{ type, f, value, process: `${process}`, condition: null },
    time: time === undefined ? time : time / NANOSECONDS,
    key: key === undefined || key === null ? '' : String(key),
    answer: f === 'get' || f === 'read' ? { value } : {},
  }
}

const JEPSEN_LINE = /^INFO\s+jepsen\.util - (\d+)\s+:(\w+)\s+:(\w+)\s+(.*)$/

function readJepsenLog(line: string): HistoryEvent | null {
  const [, process = '', type = '', f = '', rest = ''] = JEPSEN_LINE.exec(line) ?? []
  if (process === '') return null
  const event = { process, f, key: '', condition: null }
  if (rest === ':timed-out') {
    // A read that came to nothing; a change that may still come to something.
    const outcome = type === 'fail' && f === 'read' ? 'fail' : 'info'
    return { ...event, type: outcome, value: null, answer: {} }
  }
  const value = parseEDNString(rest)
  // Here a compare-and-set that fails says that the comparison did.
  if (type === 'fail' && f === 'cas') {
    return { ...event, type: 'ok', value, answer: { held: false } }
  }
  const answer = f === 'read' ? { value } : f === 'cas' ? { held: true } : {}
  return { ...event, type: type as HistoryEvent['type'], value, answer }
}

const FORMATS: readonly Format[] = [
  {
    fits: (line) => /^\s*\{\s*"/.test(line),
    read: readNdjson,
    initial: () => null,
  },
  {
    fits: (line) => /^\s*\[?\s*\{\s*:/.test(line),
    read: readEdn,
    // A key that is missing reads as the empty text.
    initial: (model) => (model === 'kv' ? '' : null),
  },
  {
    fits: (line) => /^\S+\s+jepsen/.test(line),
    read: readJepsenLog,
    initial: () => null,
  },
]
