import type { FileStory } from './file.ts'
import type { CrashMoment, Fault, Schedule } from './schedule.ts'

/** A schedule as a person would tell it, a line for each fault. */
export function describeSchedule(schedule: Schedule): string[] {
  const { faults, durationMs, file, commandLength } = schedule
  const lines = faults.map(
    (fault) => `at ${fault.atMs} ms ${describeFault(fault)}${howLong(fault)}`,
  )
  if (commandLength) lines.unshift(`each command has ${commandLength} characters`)
  return [...lines, `at ${durationMs} ms the faults stop`, ...describeFile(file)]
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
export function sizeOf({ servers, faults, commandsAtMs, durationMs }: Schedule): string {
  return [
    count(servers, 'server'),
    count(faults.length, 'fault'),
    count(commandsAtMs.length, 'command'),
    `${durationMs} ms`,
  ].join(', ')
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}

function describeFault(fault: Fault): string {
  const who = (id: number) => {
    if (!fault.fromLeader) return `server ${id}`
    return id === 0 ? 'the leader' : `the leader’s neighbour ${id}`
  }
  switch (fault.kind) {
    case 'crash':
      return `${who(fault.server)} crashes${when(fault.moment)}`
    case 'pause':
      return `${who(fault.server)} stands still`
    case 'disconnect':
      return `${who(fault.server)} is disconnected`
    case 'cut':
      return `nothing gets from ${who(fault.from)} to ${who(fault.to)}`
    case 'partition':
      return `the network falls apart: ${fault.groups
        .map((group) => group.map(who).join(', '))
        .join(' | ')}`
    case 'loss':
      return `messages are lost, ${percent(fault.chance)} of them`
    case 'duplication':
      return `messages come twice, ${percent(fault.chance)} of them`
    case 'delay':
      return `messages take up to ${fault.maxMs} ms, ${percent(fault.chance)} of them`
    case 'clock':
      return `the clock of ${who(fault.server)} runs at ${fault.rate}`
    case 'slow-link':
      return (
        `${number(fault.bytesPerSecond)} bytes a second get ` +
        `from ${who(fault.from)} to ${who(fault.to)}`
      )
    case 'slow-machine':
      return (
        `${who(fault.server)} handles ${number(fault.bytesPerSecond)} bytes ` +
        `and ${number(fault.entriesPerSecond)} entries a second`
      )
    case 'slow-disk':
      return (
        `the disk of ${who(fault.server)} writes ${number(fault.bytesPerSecond)} bytes ` +
        `a second and takes ${fault.syncMs} ms for a sync`
      )
  }
}

function when(moment: CrashMoment): string {
  switch (moment.on) {
    case 'time':
      return ''
    case 'vote':
      return ' after its next vote'
    case 'append':
      return ' after the next change to its log'
    case 'write':
      return ` at write ${moment.count} to its storage`
  }
}

function howLong(fault: Fault): string {
  if (fault.forMs === undefined) return ', and stays so'
  return fault.kind === 'crash'
    ? `, and restarts ${fault.forMs} ms later`
    : `, for ${fault.forMs} ms`
}

function number(value: number): string {
  return value.toLocaleString('en')
}

function percent(chance: number): string {
  return `${Math.round(chance * 100)} %`
}
