import { Command, InvalidArgumentError } from 'commander'
import { EXIT_USAGE } from './exit.ts'
import { parseWholeNumber, wholeNumbersFrom } from './numbers.ts'

/** A program by the words that start it; its exit code tells bad usage from other failures. */
export function program(name: string): Command {
  return exitsOnUsage(new Command(name)).configureOutput({
    outputError: (text, write) => {
      write(`${text.trim().replaceAll('\n', ' ')} (${name} --help says more)\n`)
    },
  })
}

/** Commander's own exit code for bad usage is 1. */
export function exitsOnUsage(command: Command): Command {
  return command.exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE)
  })
}

/** Reads an option's number. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = parseWholeNumber(text, least)
    if (value !== null) return value
    throw new InvalidArgumentError(`It can be ${wholeNumbersFrom(least)}.`)
  }
}
