import type { SerializedError } from 'vitest/node'
import { color, paint, say } from '../cli/print.ts'
import type { TestLogLine } from '../testlog/event.ts'
import { prettyLine } from '../testlog/pretty.ts'
import { describeError } from './failure.ts'
import { HeartbeatFold } from './fold.ts'
import type { Failure } from './tests.ts'

const HEADING = '       time  server  role      term  what happens'

/** As far from the margin as what happens. */
const INDENT = ' '.repeat(HEADING.indexOf('what happens'))

/** Prints lines of the test log, with a heading for each test; `isVerbose`: all of them. */
export function linePrinter(isVerbose: boolean): (text: string) => void {
  const startTimes = new Map<string, number>()
  const sayLine = (line: TestLogLine) => {
    if (line.event === 'test-start') {
      startTimes.set(line.test, line.time)
      say(`${paint('bold', line.test)}\n${paint('dim', HEADING)}`)
    }
    say(prettyLine(line, { startTime: startTimes.get(line.test) ?? 0, color }))
  }
  const fold = new HeartbeatFold({ line: sayLine, heartbeats: sayHeartbeats })
  return (text) => {
    const line = parseOrNull(text)
    if (!line)
      say(text) // Whatever it is, it may be what somebody looks for.
    else if (isVerbose) sayLine(line)
    else fold.add(line)
  }
}

function sayHeartbeats(count: number, lost: number): void {
  const heartbeats = count === 1 ? '1 heartbeat' : `${count} heartbeats`
  const fate = lost === 0 ? '' : `, ${lost} messages lost`
  say(paint('dim', `${INDENT}… ${heartbeats}${fate}`))
}

function parseOrNull(text: string): TestLogLine | null {
  try {
    const value: unknown = JSON.parse(text)
    return isLine(value) ? value : null
  } catch {
    return null
  }
}

/** A part in the making can say anything; what is shown must have what is shown of it. */
function isLine(value: unknown): value is TestLogLine {
  const { time, msg, rpc } = (value ?? {}) as Partial<TestLogLine>
  const isRpc = typeof rpc?.method === 'string' && rpc.args instanceof Object
  return typeof time === 'number' && typeof msg === 'string' && (!rpc || isRpc)
}

export function sayResult(name: string, passed: boolean, durationMs: number): void {
  const status = passed ? paint('green', 'PASS') : paint('red', 'FAIL')
  say(`${status}  ${name} ${paint('dim', `(${Math.round(durationMs)} ms)`)}`)
}

export function sayFailure(root: string, failure: Failure, replay: string): void {
  say(`\n${paint(['red', 'bold'], failure.name)}`)
  for (const error of failure.errors) {
    sayError(root, error)
    if (!error.message.includes('replay: ')) say(`  replay: ${replay}`)
  }
}

export function sayError(root: string, error: SerializedError): void {
  say(
    describeError(root, error)
      .trimEnd()
      .replaceAll(/^(?=.)/gm, '  '),
  )
}
