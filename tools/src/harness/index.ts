/** What the parts' harnesses share: seeds, the test log, and the settings of a run. */
export { moreReelections, type NetworkKind, settings, TestRun } from './run.ts'
export { endWithTest, scenarioFor } from './scenario.ts'
