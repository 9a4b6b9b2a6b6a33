import { readFileSync } from 'node:fs'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Minutes each; the longest first. */
const LONGEST = ['docs/commands', 'site/site', 'exercise/grade', 'diff/command']

/** What imports this starts programs, or looks at a page. */
const STARTS_PROGRAMS =
  /from '(execa|\S+\/(process-cluster|scratch|page-test|command|cluster)\.ts)'/

/**
 * In what order the files of tests run. On a machine that has never run them, vitest begins
 * with the largest files, and what is short to read can take minutes: one worker would be
 * at it when the other has long been done.
 */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const ranks = new Map(sorted.map((file) => [file, rankOf(file)]))
    const rank = (file: TestSpecification) => ranks.get(file) ?? 0
    return sorted.sort((a, b) => rank(a) - rank(b))
  }
}

/** Files of one project stay together, since they share what was loaded for one. */
function rankOf({ project, moduleId }: TestSpecification): number {
  if (project.name !== 'tools') return LONGEST.length + 2
  const at = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`))
  if (at !== -1) return at
  const startsPrograms = STARTS_PROGRAMS.test(readFileSync(moduleId, 'utf8'))
  return LONGEST.length + (startsPrograms ? 0 : 1)
}
