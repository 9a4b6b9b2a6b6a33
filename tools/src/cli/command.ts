import { Command, InvalidArgumentError } from 'commander'
import { parseWholeNumber, wholeNumbersFrom } from './numbers.ts'
import { complain } from './print.ts'

/** A program by the words that start it, to be parsed within `exitCodeOf`. */
export function program(name: string): Command {
  return new Command(name).exitOverride().configureOutput({
    outputError: (text) => {
      complain(`${text.trim().replaceAll('\n', ' ')} (${name} --help says more)`)
    },
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
