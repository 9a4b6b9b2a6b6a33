import { isKnown } from 'tools/testlog/event'
import { STANDINGS } from 'tools/viz/page/timeline'
import type { PlayEvent, Run, ServerCondition } from '../sim/simulation.ts'

/** What stands beside a server in the drawing, for what its colours do not say. */
export function statusOf(simulation: Run, id: number): string {
  const { isCrashed, isPaused, isConnected, votes } = simulation.condition(id)
  const { role, votedFor, members = simulation.ids } = simulation.view(id)
  const standing = simulation.standing(id)
  if (isCrashed) return 'crashed'
  if (isPaused) return 'paused'
  if (!isConnected) return 'disconnected'
  if (standing) return STANDINGS[standing]
  if (role === 'Candidate') return `${votes.length} of ${members.length} votes`
  return votedFor === null ? '' : `voted for ${votedFor}`
}

/** A server in words, for those who hear the page: what is seen of it, in that order. */
export function describe(simulation: Run, id: number): string {
  const { role, term, lastIndex, commitIndex } = simulation.view(id)
  const words = [`Server ${id}`, role, `term ${term}`]
  const status = statusOf(simulation, id)
  if (status !== '') words.push(status)
  if (simulation.part.hasLog) words.push(entries(lastIndex), `${commitIndex} committed`)
  return words.join(', ')
}

export function entries(count: number): string {
  return count === 1 ? '1 entry' : `${count} entries`
}

/** An event in a sentence. */
export function sentenceOf({ server, client, msg, event }: PlayEvent): string {
  if (client !== undefined) {
    return event === 'return' ? `The client’s ${msg}` : `The client ${msg}`
  }
  if (server === undefined) return capital(msg)
  const isAside = event === 'drop' || !isKnown(event)
  return isAside ? `Server ${server}: ${msg}` : `Server ${server} ${msg}`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export function timeText(ms: number): string {
  return `${ms.toFixed(1)} ms`
}

export function isAble({ isCrashed, isPaused }: ServerCondition): boolean {
  return !isCrashed && !isPaused
}
