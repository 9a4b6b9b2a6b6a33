import {
  type Action,
  inTenths,
  MAX_ACTIONS,
  MAX_COMMAND_LENGTH,
  MAX_SEED,
  MAX_TIME_MS,
  type Recording,
  SIZES,
  VERBS,
  type Verb,
} from './action.ts'
import { PARTS } from './part.ts'

/** What a link opens: a ready-made scene, or a run of somebody's own. */
export type Target =
  | { readonly scene: string }
  | { readonly recording: Recording; readonly time: number }

/** A link that cannot be followed, and why. */
export class LinkError extends Error {
  override readonly name = 'LinkError'
}

/**
 * The part of a page's address behind #, as in
 *
 *     scene=figure-8
 *     part=3&servers=5&seed=7&t=1200&do=400.5,submit,0,x%3D1;900,crash,0
 */
export function toHash(
  { part, servers, seed, actions }: Recording,
  time: number,
): string {
  const deeds = actions.map(toText).join(';')
  const base = `part=${part}&servers=${servers}&seed=${seed}&t=${inTenths(time)}`
  return deeds === '' ? base : `${base}&do=${deeds}`
}

/** @returns null when the address asks for nothing. @throws LinkError */
export function fromHash(hash: string): Target | null {
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
  const recording = {
    part: partOf(fields.get('part')),
    servers: sizeOf(fields.get('servers') ?? '5'),
    seed: wholeNumber('seed', fields.get('seed') ?? '1', 0, MAX_SEED),
  }
  const time = timeOf(fields.get('t') ?? '0')
  const deeds = (fields.get('do') ?? '').split(';').filter((deed) => deed !== '')
  if (deeds.length > MAX_ACTIONS) {
    throw new LinkError(`the link has ${deeds.length} actions; ${MAX_ACTIONS} can be`)
  }
  const actions = deeds.map((deed) => toAction(deed, recording.servers))
  return { recording: { ...recording, actions }, time }
}

function afterEquals(field: string): string {
  return field.slice(field.indexOf('=') + 1)
}

function toText(action: Action): string {
  const words = [action.at, action.do, action.server]
  if (action.do === 'submit') return [...words, encode(action.command)].join(',')
  if ('other' in action) return [...words, action.other].join(',')
  return words.join(',')
}

/** Also what separates: a comma, a semicolon. */
function encode(command: string): string {
  return encodeURIComponent(command)
}

function toAction(text: string, servers: number): Action {
  const [at = '', verb = '', server = '', rest] = text.split(',')
  if (!VERBS.includes(verb as Verb)) {
    throw new LinkError(`the link says "${verb}", which is nothing that can be done`)
  }
  const base = {
    do: verb as Verb,
    at: timeOf(at),
    server: wholeNumber('server', server, 0, servers - 1),
  }
  if (base.do === 'submit') return { ...base, command: decode(rest ?? '') } as Action
  if (base.do !== 'cut' && base.do !== 'mend') return base as Action
  return { ...base, other: wholeNumber('server', rest, 0, servers - 1) } as Action
}

function decode(text: string): string {
  let command = ''
  try {
    command = decodeURIComponent(text)
  } catch {
    throw new LinkError(`the link has a command that cannot be read: ${text}`)
  }
  if (command !== '' && command.length <= MAX_COMMAND_LENGTH) return command
  throw new LinkError(`a command has 1 to ${MAX_COMMAND_LENGTH} characters`)
}

function partOf(text = ''): number {
  const part = PARTS.find(({ number }) => `${number}` === text)
  if (part) return part.number
  const numbers = PARTS.map(({ number }) => number).join(', ')
  throw new LinkError(`the link’s part is "${text}", and there are ${numbers}`)
}

function sizeOf(text: string): number {
  const size = SIZES.find((size) => `${size}` === text)
  if (size !== undefined) return size
  throw new LinkError(`there can be ${SIZES.join(', ')} servers, not "${text}"`)
}

function timeOf(text: string): number {
  const time = /^\d{1,6}(\.\d)?$/.test(text) ? Number(text) : Number.NaN
  if (time <= MAX_TIME_MS) return time
  throw new LinkError(`the link says "${text}" where a time in ms should be`)
}

function wholeNumber(name: string, text = '', min: number, max: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new LinkError(`the link’s ${name} is "${text}", and not from ${min} to ${max}`)
}
