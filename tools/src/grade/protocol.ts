/** What the grader asks of the process in which a reader's code runs, and is told by it. */

import type { Failure } from '../dotest/tests.ts'
import type { Violation } from '../explore/run.ts'

export type Request =
  | { readonly kind: 'load'; readonly sources: Sources }
  | {
      readonly kind: 'tests'
      readonly names: readonly string[]
      /** Over so many seeds, from 1 on, … */
      readonly seeds?: number
      /** … or once, with this one, and the test log in this file. */
      readonly seed?: number
      readonly log?: string
    }
  | { readonly kind: 'explore'; readonly seeds: number; readonly log: string }

/** A reader's code, and the part whose tests judge it. */
export interface Sources {
  readonly part: string
  /** As it is called on the command line: `exercises/part1`. */
  readonly name: string
  readonly folder: string
  /** The test files, relative to the part. */
  readonly files: readonly string[]
}

export type Reply =
  | { readonly kind: 'loaded'; readonly names: readonly string[] }
  | { readonly kind: 'unloadable'; readonly errors: Failure['errors'] }
  | { readonly kind: 'ran'; readonly failures: readonly Failure[] }
  | { readonly kind: 'explored'; readonly seeds: number; readonly found: Found | null }

/** The first seed that broke a rule. */
export interface Found {
  readonly seed: number
  readonly servers: number
  readonly violation: Violation
  /** Whether its test log was written: it came to an end. */
  readonly isLogged: boolean
}

/** The process was ended. */
export interface Stopped {
  readonly kind: 'stopped'
  /** What went wrong, to go on from "it". */
  readonly how: string
  /** The test that was running, if it had begun one. */
  readonly test: string | null
}

/** The exit code of the process when something in it does not come to an end. */
export const EXIT_ENDLESS = 3
/** … and when it does not go on, and works at nothing. */
export const EXIT_WAITING = 4
/**
 * Of a core's work, from one test's end to the next. The longest takes some 3, and more than
 * 10 on a machine that is slow and has other things to do.
 */
export const SECONDS = 30
/** Of memory: half as much again as a test that has a snapshot of 20 MB sent. */
export const MEGABYTES = 1_024
