import type { Finding } from './check.ts'
import type { Operation } from './history.ts'
import type { StaleFault } from './stale.ts'

const SHOWN_OPERATIONS = 8

/** Why a history is not linearizable, line by line: how far an explanation gets. */
export function explain(found: Finding): string[] {
  if (found.stale) return explainStale(found.stale)
  const ofKey = found.key === null ? '' : ` of key ${JSON.stringify(found.key)}`
  const last = found.longest.slice(-SHOWN_OPERATIONS)
  return [
    `the longest explanation${ofKey} has ${found.longest.length} operations, the last of them`,
    ...last.map((at) => `  ${tellAt(found, at)}`),
    'and nowhere after it is there a place for',
    ...found.stuckAt.slice(0, SHOWN_OPERATIONS).map((at) => `  ${tellAt(found, at)}`),
  ]
}

function explainStale({ read, after }: StaleFault): string[] {
  if (!after) return ['a stale read shows what never was so', `  ${tell(read)}`]
  return [
    'a stale read shows what is older than this server had shown before',
    `  ${tell(after)}`,
    `  ${tell(read)}`,
  ]
}

function tellAt({ operations }: Finding, at: number): string {
  const operation = operations[at]
  return operation ? tell(operation) : ''
}

function tell(operation: Operation): string {
  const { process, f, key, value, condition, answer } = operation
  const parts = [`process ${process}: ${f} ${key}`]
  if (value != null && f !== 'get' && f !== 'read') parts.push(JSON.stringify(value))
  if (condition) parts.push(`if ${JSON.stringify(condition)}`)
  parts.push(answer === null ? '→ unknown' : `→ ${JSON.stringify(answer)}`)
  return parts.join(' ')
}
