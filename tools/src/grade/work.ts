/** The process in which a reader's code runs: it is ended when that does not end. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../cli/root.ts'
import { apart, LoadError, PartTests } from '../dotest/tests.ts'
import { drawSchedule } from '../explore/draw.ts'
import { Explorer, NO_END } from '../explore/explore.ts'
import { loadPart } from '../explore/load.ts'
import { drawOptionsFor } from '../explore/search.ts'
import { logCase } from '../explore/timeline.ts'
import { compileSources } from '../parts/compile.ts'
import { replayOf } from './exercise.ts'
import {
  EXIT_ENDLESS,
  EXIT_WAITING,
  type Reply,
  type Request,
  type Sources,
} from './protocol.ts'
import { console } from './quiet.ts'

/** What one seed of the explorer may take: some thousand times what it takes. */
const LIMITS = { seconds: 20, megabytes: 512 }
/** As long as the explorer's own runs: in simulated seconds. */
const DURATION_S = 5
/** Who has done nothing for so long, in ms, waits for what never comes: … */
const WAIT_MS = 10_000
/** … less of a core's work, in ms, than even a busy machine would let it do in a look. */
const NOTHING_MS = 4
/** How often to look whether something has no end, in ms. */
const LOOK_MS = 250

globalThis.console = console

let sources: Sources | null = null
let tests: PartTests | null = null

process.on('message', (request: Request) => void answer(request))

/** The explorer sees to its own seeds. */
let isWatched = false
/** What this process had worked when something last came to its end, and at a last look. */
let before = process.cpuUsage()
let seen = before
let waitedMs = 0

// By the work, not by the clock: a machine that is busy, or was asleep, has done less.
const seconds = Number(process.env.RAFT_GRADE_SECONDS)
setInterval(() => {
  const isIdle = workedMs(seen) < NOTHING_MS
  seen = process.cpuUsage()
  waitedMs = isWatched && isIdle ? waitedMs + LOOK_MS : 0
  if (isWatched && workedMs(before) > seconds * 1000) process.exit(EXIT_ENDLESS)
  if (waitedMs >= WAIT_MS) process.exit(EXIT_WAITING)
}, LOOK_MS)

function workedMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

function noteProgress(): void {
  before = process.cpuUsage()
  waitedMs = 0
}

async function answer(request: Request): Promise<void> {
  noteProgress()
  isWatched = request.kind !== 'explore'
  const reply = await replyTo(request)
  isWatched = false
  process.send?.(reply)
}

async function replyTo(request: Request): Promise<Reply> {
  switch (request.kind) {
    case 'load':
      sources = request.sources
      return load(request.sources)
    case 'tests':
      return run(request)
    case 'explore':
      return explore(sources as Sources, request)
  }
}

async function load({ part, folder, files }: Sources): Promise<Reply> {
  const config = {
    ...apart(join(ROOT, part), [...files]),
    testTimeout: 0,
    setupFiles: [join(import.meta.dirname, 'setup.ts')],
    disableConsoleIntercept: true,
  }
  try {
    tests = await PartTests.load(config, [taking(part, folder)])
    return { kind: 'loaded', names: tests.names }
  } catch (error) {
    if (!(error instanceof LoadError)) throw error
    return { kind: 'unloadable', errors: error.errors }
  }
}

/** What the part's tests import from `src` is the reader's. */
function taking(part: string, folder: string) {
  const ofTests = join(ROOT, part, 'test')
  return {
    name: 'taking',
    enforce: 'pre' as const,
    resolveId(id: string, importer?: string) {
      const isOfTest = importer?.startsWith(ofTests) && id.startsWith('../src/')
      return isOfTest ? join(folder, id.slice('../'.length)) : null
    },
  }
}

async function run({ names, seeds, seed, log }: Extract<Request, { kind: 'tests' }>) {
  // The tests read their settings from the environment when they are loaded.
  Object.assign(process.env, {
    RAFT_NETWORK: 'simulated',
    RAFT_SEEDS: `${seeds ?? ''}`,
    RAFT_SEED: `${seed ?? ''}`,
    RAFT_LOG: log ?? '',
  })
  const failures = await (tests as PartTests).run(names, { onTestEnd: noteProgress })
  return { kind: 'ran', failures } as const
}

async function explore(
  { part: name, folder, name: exercise }: Sources,
  { seeds, log }: Extract<Request, { kind: 'explore' }>,
): Promise<Reply> {
  const code = await compileSources(name, folder)
  const part = await loadPart(code)
  const draw = drawOptionsFor(part, { duration: DURATION_S })
  const explorer = await Explorer.create(availableParallelism(), LIMITS)
  const search = { code, draw, from: 1, seeds, keepGoing: false }
  const { found, ...tally } = await explorer.search(search)
  await explorer.close()
  const [first] = found
  if (!first) return { kind: 'explored', seeds: tally.seeds, found: null }
  const { seed, violation } = first
  const isLogged = violation.invariant !== NO_END
  const schedule = drawSchedule(seed, draw, part)
  const { servers } = schedule
  if (isLogged) {
    const found = { part: exercise, foundWithSeed: seed, violation, schedule }
    await logCase(part, found, log, replayOf(exercise, seed))
  }
  return {
    kind: 'explored',
    seeds: tally.seeds,
    found: { seed, servers, violation, isLogged },
  }
}

// What imports this would not import anything after it.
await new Promise((resolve) => process.once('disconnect', resolve))
process.exit()
