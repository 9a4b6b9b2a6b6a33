import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { UsageError } from '../cli/exit.ts'
import { FAULT_KINDS, type Schedule } from './schedule.ts'
import type { Violation } from './world.ts'

/** A schedule that breaks an invariant, and of what. It can be saved and replayed. */
export interface Case {
  readonly part: string
  /** The mistake of the gallery that the part was given, if it was. */
  readonly mistake?: string
  /** The seed that the schedule was drawn from, before it was made smaller. */
  readonly foundWithSeed: number
  readonly violation: Violation
  readonly schedule: Schedule
}

export function saveCase(file: string, found: Case): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`)
}

/** @throws UsageError when the file cannot be read, or holds no case. */
export function readCase(file: string): Case {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UsageError(`cannot read ${file}: ${reason}`)
  }
  if (isCase(value)) return value
  throw new UsageError(`${file} is no case that the explorer saved`)
}

function isCase(value: unknown): value is Case {
  if (!isObject(value) || typeof value.part !== 'string') return false
  const { schedule } = value
  return (
    isObject(schedule) &&
    isCount(schedule.seed) &&
    isCount(schedule.servers) &&
    isCount(schedule.durationMs) &&
    isCount(schedule.timeouts) &&
    isArrayOf(schedule.faults, isFault) &&
    isArrayOf(schedule.commandsAtMs, isCount)
  )
}

function isFault(value: unknown): boolean {
  return (
    isObject(value) &&
    isCount(value.atMs) &&
    FAULT_KINDS.some((kind) => kind === value.kind)
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isArrayOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem)
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value)
}
