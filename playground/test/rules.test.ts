/** Whatever happens is explained by the code that did it: runs of the parts say which. */
import { RULE_NAMES, type RuleName, ruleNameFor } from 'tools/testlog/rules'
import { expect, test, vi } from 'vitest'
import type { Recording } from '../src/sim/action.ts'
import { excerptOf, excerptWith } from '../src/sim/excerpt.ts'
import { explain } from '../src/sim/explain.ts'
import { type Part, partOf } from '../src/sim/part.ts'
import { Playback } from '../src/sim/playback.ts'
import { isOfClient, placeOf } from '../src/sim/rules.ts'
import { SCENES } from '../src/sim/scenes.ts'
import type { PlayEvent, Simulation } from '../src/sim/simulation.ts'
import { PARTS } from './parts.ts'

/** A busy machine is no reason to fail. */
vi.setConfig({ testTimeout: 30_000 })

interface Witnessed {
  readonly event: PlayEvent
  /** The lines of the part that were at work when it was told. */
  readonly lines: readonly Line[]
}

interface Line {
  readonly file: string
  readonly line: number
}

const STACK_DEPTH = 12
/** Beside the line of `trace` itself. */
const TOLD_BY_CODE = 2
const END_MS = 8000

/** Two stand for one term, and one of them wins it. */
const RIVALS: Recording = {
  part: 1,
  servers: 5,
  seed: 1,
  actions: [
    { do: 'timeout', at: 100, server: 0 },
    { do: 'timeout', at: 104, server: 1 },
  ],
}

/** What a client is answered: done, not done, and unknown. */
const CLIENTS: Recording = {
  part: 4,
  servers: 3,
  seed: 1,
  actions: [
    { do: 'ask', at: 50, what: 'get', key: 'x', value: '' },
    { do: 'timeout', at: 100, server: 1 },
    { do: 'ask', at: 300, what: 'put', key: 'x', value: '1' },
    { do: 'disconnect', at: 1000, server: 1 },
    { do: 'timeout', at: 1100, server: 2 },
    { do: 'reconnect', at: 1500, server: 1 },
    { do: 'cut', at: 1900, server: 2, other: 0 },
    { do: 'cut', at: 1900, server: 2, other: 1 },
    { do: 'ask', at: 1901, what: 'append', key: 'x', value: '2' },
    { do: 'timeout', at: 2000, server: 0 },
    { do: 'mend', at: 2300, server: 2, other: 0 },
    { do: 'cut', at: 3000, server: 0, other: 1 },
    { do: 'cut', at: 3000, server: 0, other: 2 },
    ...[0, 1, 2].flatMap((server) => [
      { do: 'crash', at: 3000, server } as const,
      { do: 'restart', at: 3010, server } as const,
    ]),
    { do: 'ask', at: 3100, what: 'put', key: 'y', value: '3' },
  ],
}

/** A follower comes back when the leader's log has no more what it lacks. */
const SNAPSHOTS: Recording = {
  part: 6,
  servers: 3,
  seed: 1,
  actions: [
    { do: 'timeout', at: 100, server: 1 },
    { do: 'disconnect', at: 500, server: 0 },
    ...Array.from({ length: 30 }, (_, i) => {
      return { do: 'submit', at: 600 + 50 * i, server: 1, command: `${i}` } as const
    }),
    { do: 'reconnect', at: 3000, server: 0 },
  ],
}

/** A leader that hears nobody any more. */
const ALONE: Recording = {
  part: 7,
  servers: 3,
  seed: 1,
  actions: [
    { do: 'timeout', at: 100, server: 1 },
    { do: 'disconnect', at: 1000, server: 1 },
    { do: 'reconnect', at: 3000, server: 1 },
  ],
}

/** Servers join, leave, and are told to lead. */
const CHANGES: Recording = {
  part: 7,
  servers: 3,
  seed: 1,
  actions: [
    { do: 'timeout', at: 100, server: 1 },
    { do: 'add', at: 600 },
    { do: 'lead', at: 2000, server: 2 },
    { do: 'remove', at: 3000, server: 0 },
    { do: 'remove', at: 4000, server: 2 },
  ],
}

const witnessed = new Map<Part, Promise<Witnessed[]>>()

/** Everything that happens in the scenes, played with the code of a part. */
function witness(part: Part): Promise<Witnessed[]> {
  const known = witnessed.get(part) ?? witnessAll(part)
  witnessed.set(part, known)
  return known
}

async function witnessAll(part: Part): Promise<Witnessed[]> {
  const recordings = [
    RIVALS,
    CLIENTS,
    SNAPSHOTS,
    ALONE,
    CHANGES,
    ...SCENES.map(({ recording }) => recording),
  ]
  const played = recordings.filter((recording) => recording.part <= part.number)
  const all: Witnessed[] = []
  for (const recording of played) {
    all.push(...(await play({ ...recording, part: part.number })))
  }
  return all
}

async function play(recording: Recording): Promise<Witnessed[]> {
  const module = Object.getPrototypeOf(raftOf(new Playback(recording)))
  const stacks: Line[][] = []
  const usualDepth = Error.stackTraceLimit
  Error.stackTraceLimit = STACK_DEPTH
  const { trace } = module
  const spy = vi.spyOn(module, 'trace').mockImplementation(function (
    this: unknown,
    ...told
  ) {
    stacks.push(linesOf(new Error().stack ?? ''))
    trace.apply(this, told)
  })
  const playback = new Playback(recording)
  await playback.goTo(END_MS)
  if (partOf(recording.part).hasLog) {
    await playback.act({ do: 'submit', server: 0, command: 'late' })
  }
  spy.mockRestore()
  Error.stackTraceLimit = usualDepth
  return playback.simulation.events.map((event) => {
    return { event, lines: event.server === undefined ? [] : (stacks.shift() ?? []) }
  })
}

/** From part 4 on a server is Raft, and a service on top of it. */
function raftOf({ simulation }: Playback): object {
  const server = (simulation as Simulation).server(0)
  return 'consensus' in server ? (server.consensus as object) : server
}

function linesOf(stack: string): Line[] {
  const frames = stack.matchAll(/(part\d+\/src\/(?:raft|service)\.ts):(\d+)/g)
  return [...frames].map(([, file = '', line]) => ({ file, line: Number(line) }))
}

test.each(PARTS)(
  'part $number: each event’s rule is in the code that told it',
  async (part) => {
    for (const { event, lines } of await witness(part)) {
      const { title, excerpt } = explain(event, part)
      // Who carries a message tells of its arrival, and the world of what it does itself.
      if (lines.length < TOLD_BY_CODE || excerpt === null) continue
      const end = excerpt.firstLine + excerpt.lines.length
      const isThere = lines.some(({ file, line }) => {
        return file === excerpt.file && line >= excerpt.firstLine && line < end
      })
      const where = `${event.msg} (${lines.map(({ line }) => line).join(', ')})`
      expect(isThere, `${where}: “${title}” is in ${excerpt.symbol}`).toBe(true)
    }
  },
)

test.each(PARTS)(
  'part $number: each rule that fires marks a line of its code',
  async (part) => {
    for (const { event } of await witness(part)) {
      const name = ruleNameFor(event, part.hasLog)
      expect(name, `${event.event}: ${event.msg}`).not.toBeNull()
      const place = placeOf(name ?? 'world')
      const marked = explain(event, part).excerpt?.markedLine ?? 0
      if (place) expect(marked, `${name} in ${place.symbol}`).toBeGreaterThan(0)
    }
  },
)

test.each(PARTS)('part $number: a term is called higher where it is', async (part) => {
  const terms = new Map<number, number>()
  for (const { event } of await witness(part)) {
    const { server = -1, term = 0 } = event
    if (event.time === 0) terms.clear()
    const name = ruleNameFor(event, part.hasLog)
    const hasRisen = term > (terms.get(server) ?? 0)
    if (name === 'follower') expect(hasRisen, event.msg).toBe(true)
    if (name === 'giveUp') expect(hasRisen, event.msg).toBe(false)
    // What is saved on the way has the new term already.
    if (event.event !== 'persist') terms.set(server, term)
  }
})

test('every rule fires, for the kind of event that it is the rule of', async () => {
  const shapes = new Map<RuleName, Set<string>>()
  for (const part of PARTS) {
    for (const { event } of await witness(part)) {
      const name = ruleNameFor(event, part.hasLog) ?? 'world'
      shapes.set(name, (shapes.get(name) ?? new Set()).add(shapeOf(event)))
    }
  }
  const found = RULE_NAMES.map((name) => [
    name,
    [...(shapes.get(name) ?? [])].join(', '),
  ])
  expect(Object.fromEntries(found)).toEqual({
    start: 'start',
    timeout: 'timer',
    timeoutAgain: 'timer',
    candidate: 'role Candidate',
    askVote: 'send RequestVote request',
    hearVoteRequest: 'receive RequestVote request',
    vote: 'vote',
    grant: 'send RequestVote reply',
    refuse: 'send RequestVote reply',
    countVotes: 'receive RequestVote reply',
    askPreVote: 'send PreVote request',
    hearPreVote: 'receive PreVote request',
    wouldVote: 'send PreVote reply',
    wouldNotVote: 'send PreVote reply',
    countPreVotes: 'receive PreVote reply',
    handOver: 'send TimeoutNow request',
    standAtOnce: 'receive TimeoutNow request, send TimeoutNow reply',
    handedOver: 'receive TimeoutNow reply',
    leader: 'role Leader',
    heartbeat: 'send AppendEntries request',
    sendEntries: 'send AppendEntries request',
    hearLeader: 'receive AppendEntries request, send AppendEntries reply',
    acceptEntries: 'send AppendEntries reply',
    refuseEntries: 'send AppendEntries reply',
    hearFollower: 'receive AppendEntries reply',
    progress: 'progress',
    hearHeartbeatReply: 'receive AppendEntries reply',
    follower: 'role Follower',
    giveUp: 'role Follower',
    stepDown: 'role Follower',
    leaveLead: 'role Follower',
    submit: 'submit',
    append: 'append',
    appendOwn: 'append',
    configure: 'append',
    truncate: 'truncate',
    commitAsLeader: 'commit Leader',
    commitAsFollower: 'commit Follower',
    apply: 'apply',
    saveVote: 'persist',
    saveLog: 'persist',
    recover: 'append',
    stop: 'role Dead',
    lost: 'drop',
    world: 'fault',
    takeSnapshot: 'snapshot',
    dropEntries: 'snapshot',
    haveSnapshot: 'snapshot',
    sendSnapshot: 'send InstallSnapshot request',
    hearSnapshot: 'receive InstallSnapshot request',
    answerSnapshot: 'send InstallSnapshot reply',
    hearReceived: 'receive InstallSnapshot reply',
    refuseCommand: 'submit',
    ask: 'invoke',
    request: 'send request, receive request',
    answerDone: 'send reply, receive reply',
    answerNotDone: 'send reply, receive reply',
    answerUnknown: 'send reply, receive reply',
    toldDone: 'return',
    toldNotDone: 'return',
    toldUnknown: 'return',
    broken: 'check',
  })
})

function shapeOf({ event, role, rpc }: PlayEvent): string {
  const isService = rpc && isOfClient(rpc)
  if (isService) return `${event} ${rpc.kind}`
  if (rpc && event !== 'drop') return `${event} ${rpc.method} ${rpc.kind}`
  return event === 'role' || event === 'commit' ? `${event} ${role}` : event
}

/** A part that has what no part has yet. */
const STRANGE: Part = {
  ...partOf(1),
  sources: [
    {
      file: 'part9/src/raft.ts',
      text: `interface Peer {
  wakeUp(args: Args): void
}
export class ConsensusModule {
  private handOver(): void {
    this.trace('handover', 'hands over', { upTo: 7 })
    for (const peer of this.peers) {
      peer.wakeUp({ upTo: 7 })
    }
  }

  wakeUp(args: Args): void {
    this.load(args)
  }
}
`,
    },
  ],
}
const [SOURCE = { file: '', text: '' }] = STRANGE.sources

test('a kind that has no rule is told by its fields, and by the code that says it', () => {
  const event = { time: 0, event: 'handover', server: 1, msg: 'hands over', upTo: 7 }
  expect(explain(event, STRANGE)).toMatchObject({
    title: 'handover',
    text: 'upTo 7',
    paper: null,
    excerpt: { symbol: 'handOver', firstLine: 5, markedLine: 6 },
  })
  expect(explain({ ...event, event: 'constructor' }, STRANGE)).toMatchObject({
    title: 'constructor',
    excerpt: null,
  })
})

test('so is an RPC, at its caller and where it is handled', () => {
  const told = (event: string, kind: 'request' | 'reply') => {
    const args = { term: 2, upTo: 7 }
    const rpc = { id: '1', method: 'WakeUp', kind, from: 0, to: 1, args }
    const { title, text, excerpt } = explain({ time: 0, event, msg: '', rpc }, STRANGE)
    return `${title}: ${text}, ${excerpt?.symbol}`
  }
  const rest = 'term 2, upTo 7'
  expect([told('send', 'request'), told('receive', 'request')]).toEqual([
    `WakeUp is sent: ${rest}, handOver`,
    `WakeUp arrives: ${rest}, wakeUp`,
  ])
  expect([told('send', 'reply'), told('receive', 'reply')]).toEqual([
    `The answer to WakeUp is sent: ${rest}, wakeUp`,
    `The answer to WakeUp arrives: ${rest}, handOver`,
  ])
})

test('an excerpt is a whole method of the class, or nothing', () => {
  expect(excerptOf(SOURCE, 'wakeUp', 'this.load')).toEqual({
    file: 'part9/src/raft.ts',
    symbol: 'wakeUp',
    lines: ['wakeUp(args: Args): void {', '  this.load(args)', '}'],
    firstLine: 12,
    markedLine: 13,
  })
  expect(excerptOf(SOURCE, 'x')).toBeNull()
  expect(excerptWith(SOURCE, 'upTo: 7')).toBeNull()
})
