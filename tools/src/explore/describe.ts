import { kindOf } from '../lab/faults/index.ts'
import type { FileStory } from './file.ts'
import type { FolderStep, FolderStory } from './folder.ts'
import type { Fault, Schedule } from './schedule.ts'

/** A schedule as a person would tell it, a line for each fault. */
export function describeSchedule(schedule: Schedule): string[] {
  const { faults, durationMs, file, folder, commandLength, lease } = schedule
  const lines = faults.map(
    (fault) => `at ${fault.atMs} ms ${describeFault(fault)}${howLong(fault)}`,
  )
  if (commandLength) lines.unshift(`each command has ${commandLength} characters`)
  if (lease) lines.unshift('reads are answered in a lease')
  const end = `at ${durationMs} ms the faults stop`
  return [...lines, end, ...describeFile(file), ...describeFolder(folder)]
}

function describeFile(file: FileStory | null): string[] {
  if (!file) return []
  const steps = file.steps.map((step) => {
    if (step.kind === 'sync') return 'sync'
    if (step.kind === 'entry') return `entry ${step.index} of term ${step.term}`
    return `term ${step.term} and a vote for ${step.votedFor}`
  })
  return [
    `a file is given: ${[...steps, 'sync'].join(', ')}`,
    `and then: ${TROUBLES[file.trouble.kind]}`,
  ]
}

function describeFolder(folder?: FolderStory | null): string[] {
  if (!folder) return []
  const steps = folder.steps.map(describeStep).join('; ')
  const when = `after ${count(folder.failsAfter, 'operation')} of the last of that, or its end`
  return [
    `a log and its snapshots are given: ${steps}`,
    `and then: power is lost ${when}`,
  ]
}

function describeStep(step: FolderStep): string {
  switch (step.kind) {
    case 'vote':
      return `a term, and a vote for ${step.votedFor}`
    case 'entries': {
      const older = ` in place of the last ${step.back}, if their term is an earlier one`
      return `${entries(step.count)}${step.back > 0 ? older : ''}`
    }
    case 'take': {
      const but = step.behind > 0 ? ` but the last ${entries(step.behind)}` : ''
      return `a snapshot of all${but}, and ${entries(step.meanwhile)} meanwhile`
    }
    case 'install': {
      const [n, way] = [Math.abs(step.ahead), step.ahead < 0 ? 'before' : 'behind']
      const other = step.isOther ? ', where another entry stands here' : ''
      return `a leader’s snapshot, which ends ${entries(n)} ${way} the log’s end${other}`
    }
  }
}

function entries(n: number): string {
  return n === 1 ? '1 entry' : `${n} entries`
}

const TROUBLES: Readonly<Record<FileStory['trouble']['kind'], string>> = {
  torn: 'power is lost in the middle of the last write',
  sectors: 'power is lost, and sectors of the last write are not there',
  power: 'power is lost after the last sync',
  killed: 'the process is killed before the last sync, and power is lost after that',
  damage: 'a bit in it changes',
  zeros: 'a sector of it becomes zeros',
  failure: 'the last sync fails',
  second: 'another process opens it',
}

/** How large a schedule is, in a few words. */
export function sizeOf(schedule: Schedule): string {
  const { servers, faults, commandsAtMs, clients = [], durationMs } = schedule
  return [
    count(servers, 'server'),
    count(faults.length, 'fault'),
    count(commandsAtMs.length, 'command'),
    ...(clients.length > 0 ? [count(clients.length, 'client')] : []),
    `${durationMs} ms`,
  ].join(', ')
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}

function describeFault(fault: Fault): string {
  return kindOf(fault).sentence(fault, (id) => {
    if (!fault.fromLeader) return `server ${id}`
    return id === 0 ? 'the leader' : `the leader’s neighbour ${id}`
  })
}

function howLong(fault: Fault): string {
  if (fault.forMs === undefined) return ', and stays so'
  return fault.kind === 'crash'
    ? `, and restarts ${fault.forMs} ms later`
    : `, for ${fault.forMs} ms`
}
