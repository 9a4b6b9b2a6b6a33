import type { RunEvent } from '../shared/event.ts'
import { GoMatcher } from './gomatch.ts'
import { type Prose, readHarnessProse, readServerProse } from './goprose.ts'
import type { Runs, RunTaker } from './runs.ts'

const EVENT = /^(\d\d):(\d\d):(\d\d(?:\.\d+)?) \[([^\]]*)\] ?(.*)$/s
const BEGINS = /^=== RUN\s+(.*)$/
const CONTINUES = /^=== (?:CONT|NAME|PAUSE)\s+(.*)$/
const RESULT = /^\s*--- (PASS|FAIL|SKIP): (.*) \(([\d.]+)s\)\s*$/
const ASSERTION = /^\s+\S+\.go:\d+: (.*)$/s
const INDENTED = /^ {4,}(\S.*)$/s
/** What `go test` says of the package, after its tests. */
const TRAILER = /^(?:PASS|FAIL|ok\s|\?\s|exit status|FAIL\s|coverage:|testing:|go: )/
const PANIC = /^(?:panic: |fatal error: )/

const DAY_MS = 24 * 60 * 60 * 1000
/** The test of lines that stand before any test. */
const NO_TEST = 'log'

interface GoRun {
  readonly run: RunTaker
  readonly matcher: GoMatcher
  /** What assertions said, and at which rows: a failure's message if the test fails. */
  readonly said: string[]
  isSpeaking: boolean
  lastMs: number
  days: number
}

/** Reads what `go test -v` prints for the Go original, whose lines belong by position. */
export class GoReader {
  private readonly runs: Runs
  private readonly unfinished = new Map<string, GoRun>()
  private current: GoRun | null = null

  constructor(runs: Runs) {
    this.runs = runs
  }

  /** Whether the line is one of `go test -v`; a line of another kind is left alone. */
  take(bytes: Buffer): boolean {
    const line = bytes.toString('utf8')
    return (
      this.takeEvent(line, bytes) ||
      this.takeFrame(line) ||
      this.takeResult(line, bytes) ||
      this.takeText(line, bytes)
    )
  }

  /** A run that the log's end cut off, in a test binary that died, has failed. */
  finish(): void {
    for (const { run, said } of this.unfinished.values()) {
      const panic = said.find((text) => PANIC.test(text))
      if (panic) run.setResult('fail', null, { message: panic, stack: said.join('\n') })
    }
  }

  private takeEvent(line: string, bytes: Buffer): boolean {
    const [, hours, minutes, seconds, who, text] = EVENT.exec(line) ?? []
    if (who === undefined || text === undefined) return false
    const goRun = this.current ?? this.begin(NO_TEST)
    const time = this.timeOf(goRun, Number(hours), Number(minutes), Number(seconds))
    goRun.isSpeaking = false
    goRun.run.add(eventOf(goRun, time, who, text), bytes)
    return true
  }

  private takeFrame(line: string): boolean {
    const [, begun] = BEGINS.exec(line) ?? []
    if (begun !== undefined) {
      this.begin(begun)
      return true
    }
    const [, continued] = CONTINUES.exec(line) ?? []
    if (continued === undefined) return false
    this.current = this.unfinished.get(continued) ?? this.current
    return true
  }

  private takeResult(line: string, bytes: Buffer): boolean {
    const [, verdict, test, seconds] = RESULT.exec(line) ?? []
    if (verdict === undefined || test === undefined) return false
    const goRun = this.unfinished.get(test) ?? this.begin(test)
    this.unfinished.delete(test)
    const status = verdict.toLowerCase() as 'pass' | 'fail' | 'skip'
    const durationMs = Math.round(Number(seconds) * 1000)
    const event: RunEvent = {
      time: goRun.lastMs,
      test,
      event: 'test-end',
      msg: line.trim(),
      status,
      durationMs,
    }
    goRun.run.add(event, bytes)
    const message = goRun.said.join('\n')
    const failure = status === 'fail' && message ? { message, stack: null } : null
    goRun.run.setResult(status, durationMs, failure)
    return true
  }

  /** Text of no time: an assertion's, and the lines that it goes on with. */
  private takeText(line: string, bytes: Buffer): boolean {
    const goRun = this.current
    if (!goRun) return TRAILER.test(line)
    const [, assertion] = ASSERTION.exec(line) ?? []
    const [, more] = goRun.isSpeaking ? (INDENTED.exec(line) ?? []) : []
    const isPanic = PANIC.test(line)
    goRun.isSpeaking = assertion !== undefined || more !== undefined || isPanic
    if (!goRun.isSpeaking && TRAILER.test(line)) return true
    if (goRun.isSpeaking) goRun.said.push(line.trim())
    goRun.run.add(
      {
        time: goRun.lastMs,
        test: goRun.run.test,
        event: goRun.isSpeaking ? 'check' : 'note',
        msg: line.trim(),
        isFailure: assertion !== undefined || isPanic,
      },
      bytes,
    )
    return true
  }

  private begin(test: string): GoRun {
    const run = this.runs.begin(test, 'go')
    const lastMs = this.current?.lastMs ?? 0
    const matcher = new GoMatcher()
    const goRun = { run, matcher, said: [], isSpeaking: false, lastMs, days: 0 }
    this.unfinished.set(test, goRun)
    this.current = goRun
    return goRun
  }

  /** In ms since midnight; the day after begins where the clock falls by half a day. */
  private timeOf(goRun: GoRun, hours: number, minutes: number, seconds: number): number {
    const ofDay = Math.round(((hours * 60 + minutes) * 60 + seconds) * 1e6) / 1000
    let time = ofDay + goRun.days * DAY_MS
    if (goRun.run.rows > 0 && time < goRun.lastMs - DAY_MS / 2) {
      goRun.days += 1
      time += DAY_MS
    }
    goRun.lastMs = time
    return time
  }
}

function eventOf(
  { run, matcher }: GoRun,
  time: number,
  who: string,
  text: string,
): RunEvent {
  const line = { time, test: run.test }
  if (/^\d+$/.test(who)) {
    return serverEvent(line, matcher, Number(who), text, readServerProse(text))
  }
  const [, kvServer] = /^kv (\d+)$/.exec(who) ?? []
  if (kvServer !== undefined) {
    return { ...line, event: 'note', server: Number(kvServer), msg: `kv: ${text}` }
  }
  if (who === 'TEST') {
    const { event, fault } = readHarnessProse(text)
    return { ...line, event, msg: text, ...(fault && { fault }) }
  }
  const fromClient = who.startsWith('client')
  return { ...line, event: 'note', msg: `${who}: ${text}`, fromClient }
}

function serverEvent(
  line: { time: number; test: string },
  matcher: GoMatcher,
  server: number,
  text: string,
  prose: Prose,
): RunEvent {
  const { event, role, term, commitIndex, message, entries } = prose
  const rpc = message ? matcher.match(server, message) : null
  return {
    ...line,
    event,
    server,
    msg: text,
    ...(role && { role }),
    ...(entries && { entries }),
    ...(term !== undefined && { term }),
    ...(commitIndex !== undefined && { state: { commitIndex } }),
    ...(rpc && { rpc, isGuess: true }),
  }
}
