/** Configurations in words: who is in the cluster, and what an entry changes about it. */
import type { LoggedConfiguration } from './event.ts'

/** A configuration, in whatever an entry of a log has; null where there is none. */
export function configurationIn(entry: object): LoggedConfiguration | null {
  const { configuration } = entry as { configuration?: unknown }
  const { members } = (configuration ?? {}) as { members?: unknown }
  const isOne = Array.isArray(members) && members.every(isMember)
  return isOne ? (configuration as LoggedConfiguration) : null
}

function isMember(value: unknown): boolean {
  const { id } = (value ?? {}) as { id?: unknown }
  return typeof id === 'number'
}

/** What an entry does to the configuration before it, if that is known. */
export function changeText(
  { members }: LoggedConfiguration,
  before: readonly number[] | undefined,
): string {
  const ids = members.map(({ id }) => id)
  if (!before) return membersText(ids)
  const added = ids.filter((id) => !before.includes(id)).map((id) => `adds server ${id}`)
  const removed = before.filter((id) => !ids.includes(id))
  const changes = [...added, ...removed.map((id) => `removes server ${id}`)]
  return changes.join(', ') || membersText(ids)
}

export function membersText(ids: readonly number[]): string {
  return `members ${ids.join(', ') || 'nobody'}`
}
