import { join, relative, resolve, sep } from 'node:path'
import { isSystemError } from '../cli/exit.ts'
import { ROOT } from '../cli/root.ts'
import { Packer } from './write/chunks.ts'
import { type Page, writeIndex } from './write/index-page.ts'
import { FileNames } from './write/names.ts'
import { type SharedAssets, writePage, writeSharedAssets } from './write/page.ts'
import { Run } from './write/run.ts'

const INDEX_FILE = 'index.html'

/**
 * So many runs that are over wait in memory, for a line of theirs may still come. More are
 * written while the log is read, and share what all pages have in common.
 */
const MOST_WAITING = 100
/** So many runs can be under way together; of more, those that began first are cut off. */
const MOST_OPEN = 1000

export interface PagesOptions {
  readonly outDir: string
  readonly matches: (test: string) => boolean
  readonly suffix?: string | undefined
  readonly openAt?: number | undefined
}

interface Waiting {
  readonly run: Run
  /** Called when no line can be added any more. */
  readonly onClose: (run: Run) => void
  readonly number: number
  /** Null when nobody asked for the page. */
  readonly file: string | null
}

/** The runs of a log, and their pages: each is written when its run is over. */
export class Pages {
  /** The names of the tests of all runs, in the order in which these began. */
  readonly tests: string[] = []
  readonly packer = new Packer()
  /** Lines that are no events, so far. */
  skipped = 0
  private readonly options: PagesOptions
  private readonly names = new FileNames()
  private waiting: Waiting[] = []
  private readonly written: (Page & { readonly number: number })[] = []
  private readonly unwritten: string[] = []
  private count = 0
  private shared: Promise<SharedAssets> | null = null

  constructor(options: PagesOptions) {
    this.options = options
  }

  begin(test: string, source: Run['source'], onClose: (run: Run) => void): Run {
    const run = new Run(test, source, this.packer)
    const { outDir, matches, suffix } = this.options
    const isAskedFor = matches(test)
    if (isAskedFor) this.count += 1
    const file = isAskedFor ? join(outDir, this.names.take(test, suffix)) : null
    this.waiting.push({ run, onClose, number: this.tests.length, file })
    this.tests.push(test)
    return run
  }

  /** Writes those that are over, the last of them excepted. */
  async writeFinished(): Promise<void> {
    if (this.waiting.length <= MOST_WAITING) return
    const isOver = ({ run }: Waiting) => run.status !== 'unfinished'
    const over = this.waiting.filter(isOver)
    const open = this.waiting.filter((one) => !isOver(one))
    const ready = new Set([
      ...over.slice(0, -MOST_WAITING),
      ...open.slice(0, -MOST_OPEN),
    ])
    this.waiting = this.waiting.filter((one) => !ready.has(one))
    for (const one of ready) await this.close(one)
  }

  /** Writes what is left. @returns the pages, and why others could not be written. */
  async finish(): Promise<{ pages: Page[]; index: string | null; failures: string[] }> {
    for (let one = this.waiting.shift(); one; one = this.waiting.shift()) {
      await this.close(one)
    }
    const inOrder = this.written.sort((a, b) => a.number - b.number)
    const pages = inOrder.map(({ number: _, ...page }) => page)
    const { index, unwritten } = this
    if (index && pages.length > 0) await writeIndex(index, pages, this.skipped)
    // On a full disk all of them say the same.
    const [first, ...more] = unwritten
    const others = more.length > 0 ? `; nor can ${more.length} more` : ''
    return { pages, index, failures: first === undefined ? [] : [first + others] }
  }

  private sharedAssets(): Promise<SharedAssets> {
    this.shared ??= writeSharedAssets(this.options.outDir)
    return this.shared
  }

  /** The path of the page that lists the others, if there are several. */
  private get index(): string | null {
    return this.count > 1 ? join(this.options.outDir, INDEX_FILE) : null
  }

  private async close({ run, onClose, number, file }: Waiting): Promise<void> {
    onClose(run)
    if (file === null) return
    try {
      this.written.push({ number, ...(await this.write(run, file)) })
    } catch (error) {
      if (!isSystemError(error)) throw error
      this.unwritten.push(`${file} cannot be written: ${error.message}`)
    }
  }

  private async write(run: Run, file: string): Promise<Page> {
    const { outDir, openAt = null } = this.options
    run.skipped = this.skipped
    run.openAt = openAt
    const header = await writePage({
      run,
      file,
      packer: this.packer,
      shared: this.count > MOST_WAITING ? await this.sharedAssets() : null,
      indexHref: this.index && INDEX_FILE,
      chapterHref: chapterHref(run.part, outDir),
    })
    return {
      test: run.test,
      status: run.status,
      durationMs: run.durationMs,
      failure: run.failure?.message.split('\n')[0] ?? null,
      file: resolve(file),
      events: run.rows,
      terms: run.terms,
      leaderChanges: run.leaderChanges,
      openAt: header.openAt,
    }
  }
}

/** The chapter of a part, as a page finds it from its own folder. */
function chapterHref(part: string | null, outDir: string): string {
  const chapter = part !== null && /^part\d+$/.test(part) ? part : 'part1'
  const path = relative(resolve(outDir), join(ROOT, 'docs', `${chapter}.md`))
  return path.split(sep).map(encodeURIComponent).join('/')
}
