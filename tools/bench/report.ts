/** What the benchmarks' programs share: options, progress, tables. */
import { SingleBar } from 'cli-progress'
import { InvalidArgumentError } from 'commander'
import { atEnd } from '../src/cli/ending.ts'
import { parseWholeNumber, wholeNumbersFrom } from '../src/cli/numbers.ts'

export interface Progress {
  step(what: string, steps?: number): void
  stop(): void
}

/** On stderr, when that is a terminal. */
export function progressBar(steps: number): Progress {
  const bar = new SingleBar({
    format: '{bar} {what}',
    clearOnComplete: true,
    hideCursor: true,
    noTTYOutput: false,
    stream: process.stderr,
  })
  if (process.stderr.isTTY) bar.start(steps, 0, { what: '' })
  const stop = () => bar.stop()
  const forget = atEnd(stop)
  return {
    step: (what, steps = 1) => bar.increment(steps, { what }),
    stop() {
      forget()
      stop()
    },
  }
}

/** The first column to the left, the others to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    row
      .map((cell, i) =>
        (i === 0 ? cell.padEnd : cell.padStart).call(cell, widths[i] ?? 0),
      )
      .join('  '),
  )
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

export function ms(value: number): string {
  return `${value >= 100 ? whole(value) : value.toPrecision(3)} ms`
}

export function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = parseWholeNumber(text, least)
    if (value !== null) return value
    throw new InvalidArgumentError(`It must be ${wholeNumbersFrom(least)}.`)
  }
}
