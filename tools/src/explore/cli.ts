/** Looks for schedules of faults that break a part. */
import { Console } from 'node:console'
import { parse, resolve } from 'node:path'
import { keepTemporaryFilesIn } from '../cli/ending.ts'
import { exitCodeOf, UsageError } from '../cli/exit.ts'
import { openPage } from '../cli/open.ts'
import { say } from '../cli/print.ts'
import { ROOT } from '../cli/root.ts'
import { keepShare, readShares } from '../cli/shard.ts'
import type { Part } from '../lab/index.ts'
import { compilePart } from '../parts/compile.ts'
import { listParts, partNamed } from '../parts/find.ts'
import { compileMistake, findMistake } from '../parts/mistake.ts'
import { readCase } from './case.ts'
import { drawSchedule } from './draw.ts'
import { addAll, Explorer, NO_END, type Search } from './explore.ts'
import { loadPart } from './load.ts'
import {
  type Asked,
  askedBy,
  EXIT_FOUND,
  EXIT_UNREACHED,
  type ExploreOptions,
  exploreCommand,
  optionsOf,
  optionsOfSeed,
  SEEDS_TO_REACH_ALL,
  seedsOfShard,
} from './options.ts'
import type { DrawOptions, Schedule } from './schedule.ts'
import {
  drawOptionsFor,
  mustBear,
  type Speed,
  showSearch,
  speedOf,
  stopwatch,
  type Times,
  timesOfAll,
} from './search.ts'
import { type Finding, inMs, showFinding, showSchedule } from './show.ts'
import { logCase, writeTimeline } from './timeline.ts'
import type { Tally } from './worker.ts'

/** As shares name it. */
const COMMAND = 'explore'

process.exitCode = await exitCodeOf(main)

async function main(): Promise<number> {
  const command = exploreCommand().parse()
  const options = command.opts<ExploreOptions>()
  const [name] = command.args
  for (const [option, file] of [
    ['replay', 'a case says'],
    ['merge', 'what was found says'],
  ] as const) {
    if (options[option] === undefined || name === undefined) continue
    throw new UsageError(
      `${file} of which part it is: leave out the part, or --${option}`,
    )
  }
  keepTemporaryFilesIn('raft-explore-')
  // What a part prints is no result, and results are all that standard output is for.
  globalThis.console = new Console(process.stderr)
  if (options.merge !== undefined) return merge(options.merge, options)
  if (options.replay !== undefined) return replayFile(options.replay, options)
  if (name === undefined) {
    throw new UsageError('name the part to explore, as in: npm run explore -- part3')
  }
  return explore(name, options)
}

/** A part, as it is explored. */
interface Explored {
  readonly name: string
  readonly code: string
  readonly part: Part
  readonly draw: DrawOptions
}

/** What a machine has found, and how long it took. */
interface Found {
  readonly tally: Tally
  readonly times: Times
}

async function explore(argument: string, options: ExploreOptions): Promise<number> {
  const explored = await load(argument, options)
  const { keepGoing } = options
  const { code, draw, name } = explored
  const search = { code, draw, keepGoing, ...seedsOfShard(options) }
  const found = await run(name, search, options)
  await keepShare(options, { of: COMMAND, asked: askedBy(name, options), found })
  return report(explored, found, options)
}

/** What several machines have found, told as if one had. */
async function merge(files: readonly string[], here: ExploreOptions): Promise<number> {
  const { asked, found } = readShares<Asked, Found>(COMMAND, files)
  const options = optionsOf(asked, here)
  const all = {
    tally: addAll(
      found.map(({ tally }) => tally),
      options.keepGoing,
    ),
    times: timesOfAll(found.map(({ times }) => times)),
  }
  return report(await load(asked.part, options), all, options)
}

async function load(argument: string, options: ExploreOptions): Promise<Explored> {
  const name = partNamed(argument, listParts(ROOT)) ?? argument
  const code = await compilePart(name)
  const part = await loadPart(code)
  return { name, code, part, draw: drawOptionsFor(part, options) }
}

/** @returns the exit code. */
async function report(
  { name, code, part, draw }: Explored,
  { tally, times }: Found,
  options: ExploreOptions,
): Promise<number> {
  const speed = speedOf(tally, times)
  const findings = tally.found.map(({ seed, violation }) => ({
    ...{ part: name, code, foundWithSeed: seed, violation },
    schedule: drawSchedule(seed, draw, part),
    replay: `npm run explore -- ${name} --seeds 1 --from ${seed}${optionsOfSeed(options)}`,
  }))
  if (options.json) say(JSON.stringify(toJson(name, tally, speed, findings)))
  else await tell(name, tally, speed, findings, options)
  if (tally.found.length > 0) return EXIT_FOUND
  return mustReachAll(tally, options) && unreached(tally).length > 0 ? EXIT_UNREACHED : 0
}

async function run(
  name: string,
  search: Search,
  options: ExploreOptions,
): Promise<Found> {
  const jobs = Math.min(options.jobs, search.seeds)
  const explorer = await Explorer.create(jobs)
  const progress = await showSearch(name, search.seeds)
  const stop = stopwatch()
  const tally = await explorer.search(search, ({ seeds }) => progress.update(seeds))
  const times = stop()
  progress.stop()
  await explorer.close()
  return { tally, times }
}

function toJson(part: string, tally: Tally, speed: Speed, findings: Finding[]): object {
  const { seeds, events } = tally
  const violations = findings.map(({ foundWithSeed: seed, violation, replay }) => {
    return { seed, ...violation, replay }
  })
  return { part, seeds, events, ...speed, reached: tally.reached, violations }
}

async function tell(
  name: string,
  tally: Tally,
  speed: Speed,
  findings: Finding[],
  options: ExploreOptions,
): Promise<void> {
  const outDir = resolve(options.outDir)
  const [first, ...others] = findings
  if (first) await showFinding(first, { outDir, open: options.open })
  if (others.length > 0) say(`\nThese seeds break ${name}, too:`)
  for (const { foundWithSeed, violation } of others) {
    say(`  ${foundWithSeed}  ${violation.message}`)
  }
  const found =
    findings.length === 0 ? 'no violation' : `${findings.length} with a violation`
  const number = (value: number) => Math.round(value).toLocaleString('en')
  say(`${first ? '\n' : ''}${name}: ${number(tally.seeds)} seeds, ${found}`)
  say(
    `${number(speed.simulatedSeconds)} s simulated in ${speed.seconds.toFixed(1)} s, ` +
      `${number(speed.seedsPerSecond)} seeds/s`,
  )
  say(
    `in each second of a core: ${number(speed.simulatedSecondsPerCoreSecond)} s simulated, ` +
      `${number(speed.eventsPerCoreSecond)} events, the invariants checked after each`,
  )
  tellReached(tally)
}

/** So many seeds, drawn from all that there is, come everywhere. */
function mustReachAll({ seeds }: Tally, options: ExploreOptions): boolean {
  return seeds >= SEEDS_TO_REACH_ALL && optionsOfSeed(options) === ''
}

function unreached({ reached }: Tally): string[] {
  return Object.keys(reached).filter((name) => reached[name] === 0)
}

function tellReached({ reached }: Tally): void {
  say('reached:')
  for (const [name, times] of Object.entries(reached)) {
    say(`  ${times.toLocaleString('en').padStart(9)} ×  ${name}`)
  }
}

async function replayFile(file: string, options: ExploreOptions): Promise<number> {
  const found = await readCase(file)
  const { mistake, schedule } = found
  const code = mistake
    ? await compileMistake(findMistake(mistake))
    : await compilePart(found.part)
  const part = await loadPart(code)
  mustBear(part, found.part, schedule)
  if (await isEndless(code, schedule)) return EXIT_FOUND
  const outDir = resolve(options.outDir)
  // Never the name of the case itself, nor of another that is replayed at the same time.
  const log = resolve(outDir, `${parse(file).name}-replay.log`)
  const replay = `npm run explore -- --replay ${file}`
  const { violation } = await logCase(part, found, log, replay)
  showSchedule(schedule)
  say(violation ? `  at ${inMs(violation.atMs)} ${violation.message}` : 'No violation.')
  const timeline = await writeTimeline(log, outDir)
  say(`Timeline: ${timeline}`)
  if (options.open) await openPage(timeline)
  return violation ? EXIT_FOUND : 0
}

/** In a thread that can be ended, before it is done where it can be shown. */
async function isEndless(code: string, schedule: Schedule): Promise<boolean> {
  const explorer = await Explorer.create(1)
  try {
    const violation = await explorer.tryOut(code, schedule)
    if (violation?.invariant !== NO_END) return false
    showSchedule(schedule)
    say(`  ${violation.message}`)
    return true
  } finally {
    await explorer.close()
  }
}
