/** What StrykerJS gets from here: what it is to leave alone, and who shows how far it is. */
import type { Ignorer } from '@stryker-mutator/api/ignore'
import {
  declareClassPlugin,
  declareValuePlugin,
  PluginKind,
} from '@stryker-mutator/api/plugin'
import type {
  MutationTestingPlanReadyEvent,
  Reporter,
} from '@stryker-mutator/api/report'
import { type Progress, showProgress } from '../cli/progress.ts'

/** What this plugin looks at in a node of Babel's syntax tree. */
interface Node {
  readonly type: string
  readonly callee?: { readonly property?: { readonly name?: string } }
  readonly arguments?: readonly Node[]
  readonly key?: { readonly name?: string }
}

const TRACES = ['trace', 'traceState', 'traceEntries']

/**
 * What a server says in the test log is not what it does. The tests of the chapters look at
 * it, and they are not run here.
 */
const testLog: Ignorer = {
  shouldIgnore(path) {
    const { node, parent } = path as { node: Node; parent?: Node }
    const isTrace =
      TRACES.includes(calledBy(node)) || TRACES.includes(node.key?.name ?? '')
    const isMessage =
      calledBy(parent) === 'noteChange' && parent?.arguments?.[0] === node
    return isTrace || isMessage ? 'it goes to the test log' : undefined
  },
}

function calledBy(node: Node | undefined): string {
  return node?.callee?.property?.name ?? ''
}

class ProgressBar implements Reporter {
  private progress: Promise<Progress> | null = null
  private done = 0

  onMutationTestingPlanReady({ mutantPlans }: MutationTestingPlanReadyEvent): void {
    const format = '{bar} {value} of {total} changes, {eta_formatted} left'
    this.progress = showProgress(format, mutantPlans.length)
  }

  async onMutantTested(): Promise<void> {
    this.done += 1
    const progress = await this.progress
    progress?.update(this.done)
  }

  async wrapUp(): Promise<void> {
    const progress = await this.progress
    progress?.stop()
  }
}

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'test-log', testLog),
  declareClassPlugin(PluginKind.Reporter, 'progress-bar', ProgressBar),
]
