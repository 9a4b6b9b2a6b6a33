import type { Rpc } from './event.ts'

/** What an RPC is for, as far as its name tells: by it readers choose colours and shapes. */
export type Family = 'vote' | 'append' | 'other'

/** By the method's name, so that nobody keeps a list: PreVote asks for a vote, too. */
export function familyOf(method: string): Family {
  if (method.includes('Vote')) return 'vote'
  return method.includes('Append') ? 'append' : 'other'
}

/** How many colours there are for the methods of other families. */
export const SHADES = 4
const HASH_FACTOR = 33
/** A prime, so that all of a name counts. */
const HASH_LIMIT = 65_521

/** Which of these colours a method has: the same in every run and on every page. */
export function shadeOf(method: string): number {
  let hash = 0
  for (const character of method) {
    hash = (hash * HASH_FACTOR + (character.codePointAt(0) ?? 0)) % HASH_LIMIT
  }
  return hash % SHADES
}

/** A leader's request that says nothing but that it leads. */
export function isHeartbeat({ method, kind, args }: Omit<Rpc, 'id'>): boolean {
  if (kind !== 'request' || familyOf(method) !== 'append') return false
  // A client that appends to a value.
  if ('operation' in args) return false
  return !Array.isArray(args.entries) || args.entries.length === 0
}
