/** The rules that are checked after every event, in the order of Figure 3, and then ours. */
import {
  electionSafety,
  leaseSafety,
  monotonicTerm,
  oneVotePerTerm,
} from './elections.ts'
import { leaderAppendOnly, leaderCompleteness, logMatching } from './logs.ts'
import type { Rule } from './rule.ts'
import { snapshotsGoOn } from './snapshots.ts'
import { monotonicCommit, stateMachineSafety } from './state-machines.ts'

export const RULES: readonly Rule[] = [
  electionSafety,
  oneVotePerTerm,
  monotonicTerm,
  leaderAppendOnly,
  logMatching,
  leaderCompleteness,
  stateMachineSafety,
  monotonicCommit,
  snapshotsGoOn,
  leaseSafety,
]
