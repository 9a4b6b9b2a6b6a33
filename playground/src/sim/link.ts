import {
  type Action,
  fieldsOf,
  inTenths,
  isVerb,
  MOST_SERVERS,
  type Recording,
  recordingSchema,
} from './action.ts'
import { PART_NUMBERS } from './part.ts'

/** What a link opens: a ready-made scene, or a run of somebody's own. */
export type Target =
  | { readonly scene: string }
  | { readonly recording: Recording; readonly time: number }

/** A link that cannot be followed, and why. */
export class LinkError extends Error {
  override readonly name = 'LinkError'
}

/** Longer than 500 actions are; nothing longer is even looked at. */
const MAX_LENGTH = 100_000

/** These are texts; whatever else an action says is a number. */
const TEXTS: readonly string[] = ['command', 'what', 'key', 'value']

/**
 * The part of a page's address behind #, as in
 *
 *     scene=figure-8
 *     part=3&servers=5&seed=7&t=1200&do=400.5,submit,0,x%3D1;900,crash,0
 *     part=1&servers=4&seed=7&mistake=half-is-enough&t=0
 *     part=1&servers=4&seed=7&t=0&do=100,timeout,1&change=q1YqS8wpTgUA
 */
export function toHash(
  { part, servers, seed, mistake, change, actions }: Recording,
  time: number,
): string {
  const wrong = mistake === undefined ? '' : `&mistake=${mistake}`
  const base = `part=${part}&servers=${servers}&seed=${seed}${wrong}&t=${inTenths(time)}`
  const deeds = actions.map(toText).join(';')
  const done = deeds === '' ? base : `${base}&do=${deeds}`
  return change === undefined ? done : `${done}&change=${change}`
}

/** @returns null when the address asks for nothing. @throws LinkError */
export function fromHash(hash: string): Target | null {
  if (hash.length > MAX_LENGTH) throw new LinkError('the link is too long')
  const fields = new Map(
    hash
      .replace(/^#/, '')
      .split('&')
      .filter((field) => field.includes('='))
      .map((field) => [field.slice(0, field.indexOf('=')), afterEquals(field)]),
  )
  const scene = fields.get('scene')
  if (scene !== undefined) return { scene }
  if (!fields.has('part')) return null
  const deeds = (fields.get('do') ?? '').split(';').filter((deed) => deed !== '')
  const { data, error } = recordingSchema.safeParse({
    part: partOf(fields.get('part')),
    servers: numberIn(fields.get('servers') ?? '5'),
    seed: numberIn(fields.get('seed') ?? '1'),
    mistake: fields.get('mistake'),
    change: fields.get('change'),
    time: numberIn(fields.get('t') ?? '0'),
    actions: deeds.map(toAction),
  })
  if (!data) throw new LinkError(error.issues[0]?.message ?? 'it is none')
  const { time, ...recording } = data
  mustHaveServers(recording as Recording)
  return { recording: recording as Recording, time }
}

function afterEquals(field: string): string {
  return field.slice(field.indexOf('=') + 1)
}

/** `encodeURIComponent` also takes what separates: a comma, a semicolon. */
function toText(action: Action): string {
  const told = action as unknown as Record<string, string | number>
  const rest = fieldsOf(action.do).map((name) => encodeURIComponent(told[name] ?? ''))
  return [action.at, action.do, ...rest].join(',')
}

function toAction(text: string): object {
  const [at = '', verb = '', ...rest] = text.split(',')
  if (!isVerb(verb)) {
    throw new LinkError(`the link says "${verb}", which is nothing that can be done`)
  }
  const told = fieldsOf(verb).map((name, i) => {
    const text = rest[i] ?? ''
    return [name, TEXTS.includes(name) ? decode(text) : numberIn(text)]
  })
  return { do: verb, at: numberIn(at), ...Object.fromEntries(told) }
}

/** A number as links write them; anything else stays what it is, and is refused as that. */
function numberIn(text: string): number | string {
  return /^\d{1,10}(\.\d)?$/.test(text) ? Number(text) : text
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new LinkError(`the link has a command that cannot be read: ${text}`)
  }
}

function partOf(text = ''): number {
  const part = PART_NUMBERS.find((number) => `${number}` === text)
  if (part !== undefined) return part
  throw new LinkError(
    `the link’s part is "${text}", and there are ${PART_NUMBERS.join(', ')}`,
  )
}

function mustHaveServers({ servers, actions }: Recording): void {
  const added = actions.filter((action) => action.do === 'add').length
  const all = Math.min(servers + added, MOST_SERVERS)
  for (const action of actions) {
    const { server = 0, other = 0 } = action as { server?: number; other?: number }
    const missing = [server, other].find((id) => id >= all)
    if (missing === undefined) continue
    throw new LinkError(
      `the link’s server is "${missing}", and not from 0 to ${all - 1}`,
    )
  }
}
