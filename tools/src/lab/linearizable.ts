import { explain } from '../histories/explain.ts'
import { checkRows, type HistoryRow } from '../histories/rows.ts'
import { InvariantViolation } from './rules/rule.ts'

/** @throws InvariantViolation when what clients saw has no explanation, or none was found. */
export function mustBeLinearizable(rows: readonly HistoryRow[]): void {
  const found = checkRows(rows)
  if (found.verdict === 'linearizable') return
  if (found.stale) {
    throw new InvariantViolation('Stale Reads', explain(found).join('\n'))
  }
  const why =
    found.verdict === 'unknown'
      ? `whether the history is, was not found out: the ${found.reason} did not suffice`
      : `no order of the operations explains every answer\n${explain(found).join('\n')}`
  throw new InvariantViolation('Linearizability', why)
}
