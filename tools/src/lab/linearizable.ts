import { explain } from '../histories/explain.ts'
import type { CheckedHistory } from '../histories/picture.ts'
import { checkHistory, type HistoryRow, historyOf } from '../histories/rows.ts'
import { InvariantViolation } from './rules/rule.ts'

/** What clients saw cannot be, or was not found to be, that of one server. */
export class HistoryViolation extends InvariantViolation {
  /** For who draws it. */
  readonly checked: CheckedHistory

  constructor(invariant: string, explanation: string, checked: CheckedHistory) {
    super(invariant, explanation)
    this.checked = checked
  }
}

/** @throws HistoryViolation when what clients saw has no explanation, or none was found. */
export function mustBeLinearizable(rows: readonly HistoryRow[]): void {
  if (rows.length === 0) return
  const history = historyOf(rows)
  const found = checkHistory(history)
  if (found.verdict === 'linearizable') return
  const checked = { history, model: 'kv', found } as const
  const reasons = explain(found).join('\n')
  if (found.stale) throw new HistoryViolation('Stale Reads', reasons, checked)
  const why =
    found.verdict === 'unknown'
      ? `whether the history is, was not found out: the ${found.reason} did not suffice`
      : `no order of the operations explains every answer\n${reasons}`
  throw new HistoryViolation('Linearizability', why, checked)
}
