import { basename } from 'node:path'
import { writeWhole } from '../../cli/whole.ts'
import type { Status } from '../shared/format.ts'
import { shorten, visible } from '../shared/text.ts'
import { render } from './page.ts'

const LONGEST_FAILURE = 300

/** A page with the timeline of one run. */
export interface Page {
  readonly test: string
  readonly status: Status
  readonly durationMs: number | null
  /** The first line of what failed it. */
  readonly failure: string | null
  /** The page's path. */
  readonly file: string
  readonly events: number
  readonly terms: number
  readonly leaderChanges: number
  /** The row of the event that broke the test. */
  readonly openAt: number | null
}

/** Writes the page that lists the runs, those that failed first as they matter most. */
export async function writeIndex(
  file: string,
  pages: readonly Page[],
  skipped: number,
): Promise<void> {
  const html = await render('index', {
    summary: summaryOf(pages),
    skipped: skipped > 0 ? skippedText(skipped) : '',
    pages: pages.map(rowOf),
  })
  await writeWhole(file, [html])
}

function rowOf(page: Page): object {
  const { test, status, failure, durationMs, openAt } = page
  return {
    status,
    test: visible(test),
    failure: failure && shorten(visible(failure), LONGEST_FAILURE),
    href: `${basename(page.file)}${openAt === null ? '' : `#e=${openAt + 1}`}`,
    duration: durationMs === null ? '' : `${durationMs.toLocaleString('en')} ms`,
    events: page.events.toLocaleString('en'),
    terms: page.terms,
    leaderChanges: page.leaderChanges,
  }
}

/** "3 tests: 2 pass, 1 fail". */
export function summaryOf(pages: readonly Pick<Page, 'status'>[]): string {
  const counts = (['pass', 'fail', 'skip', 'unfinished'] as const)
    .map((status) => [status, pages.filter((page) => page.status === status).length])
    .filter(([, count]) => count !== 0)
    .map(([status, count]) => `${count} ${status}`)
  const tests = pages.length === 1 ? '1 test' : `${pages.length} tests`
  return `${tests}: ${counts.join(', ')}`
}

export function skippedText(lines: number): string {
  const what =
    lines === 1 ? '1 line is no event and was' : `${lines} lines are no events and were`
  return `${what} skipped`
}
