/** Where the code follows the rules of Figure 2, and what of a run tells most. */
import { familyOf, isHeartbeat } from 'tools/testlog/rpc'
import type { RuleName } from 'tools/testlog/rules'
import type { PlayEvent } from './simulation.ts'

/** A line of a part's raft.ts, or of another file of it. */
interface Place {
  readonly file?: string
  /** A method of the one class there. */
  readonly symbol: string
  /** What the line that did it begins with, or has in it. */
  readonly line: string
  /** Where it stands in parts that have no such method. */
  readonly before?: Place
}

/** Null for what the world does to the servers. */
const PLACES: Readonly<Record<RuleName, Place | null>> = {
  start: { symbol: 'start', line: "this.role = 'Follower'" },
  timeout: { symbol: 'resetElectionTimer', line: 'this.startElection' },
  timeoutAgain: { symbol: 'resetElectionTimer', line: 'this.startElection' },
  candidate: { symbol: 'startElection', line: "this.role = 'Candidate'" },
  askVote: {
    symbol: 'askForVotes',
    line: 'peer[method](args',
    before: { symbol: 'startElection', line: 'peer.requestVote(args' },
  },
  hearVoteRequest: { symbol: 'requestVote', line: 'this.observeTerm(args.term)' },
  vote: { symbol: 'requestVote', line: 'this.votedFor = args.candidateId' },
  grant: { symbol: 'requestVote', line: 'voteGranted,' },
  refuse: { symbol: 'requestVote', line: 'const voteGranted =' },
  countVotes: { symbol: 'onVoteReply', line: 'this.countVotes(' },
  askPreVote: { symbol: 'askForVotes', line: 'peer[method](args' },
  hearPreVote: { symbol: 'preVote', line: 'this.holdsToLeader()' },
  wouldVote: { symbol: 'preVote', line: 'args.term > this.currentTerm' },
  wouldNotVote: { symbol: 'preVote', line: 'args.term > this.currentTerm' },
  countPreVotes: { symbol: 'onVoteReply', line: 'this.countVotes(' },
  handOver: { file: 'handover.ts', symbol: 'askForElection', line: 'timeoutNow(' },
  standAtOnce: { symbol: 'timeoutNow', line: 'this.startElection(true)' },
  handedOver: { symbol: 'observeTerm', line: 'this.becomeFollower(term)' },
  leader: { symbol: 'becomeLeader', line: "this.role = 'Leader'" },
  heartbeat: { symbol: 'sendAppendEntries', line: 'peer.appendEntries(' },
  sendEntries: { symbol: 'sendAppendEntries', line: 'peer.appendEntries(args' },
  hearLeader: {
    symbol: 'hearLeader',
    line: 'this.resetElectionTimer()',
    before: { symbol: 'appendEntries', line: 'this.resetElectionTimer()' },
  },
  acceptEntries: { symbol: 'appendEntries', line: 'success: true,' },
  refuseEntries: { symbol: 'appendEntries', line: 'success: false,' },
  hearFollower: { symbol: 'onAppendReply', line: 'const matchIndex' },
  progress: { symbol: 'noteProgress', line: 'this.matchIndex.set(' },
  hearHeartbeatReply: {
    symbol: 'sendAppendEntries',
    line: 'this.observeTerm(reply.term)',
  },
  follower: { symbol: 'becomeFollower', line: "this.role = 'Follower'" },
  giveUp: {
    symbol: 'hearLeader',
    line: 'this.becomeFollower(',
    before: { symbol: 'appendEntries', line: 'this.becomeFollower(' },
  },
  stepDown: { symbol: 'sendHeartbeats', line: 'this.becomeFollower(' },
  leaveLead: { symbol: 'commitUpTo', line: 'this.becomeFollower(' },
  configure: { symbol: 'replaceFrom', line: 'this.configurations.replaceFrom(' },
  submit: { symbol: 'submit', line: 'this.replaceFrom(index' },
  append: { symbol: 'replaceFrom', line: 'this.log.push(entry)' },
  appendOwn: { symbol: 'replaceFrom', line: 'this.log.push(entry)' },
  truncate: { symbol: 'replaceFrom', line: 'this.log.length = firstIndex - 1' },
  commitAsLeader: { symbol: 'advanceCommitIndex', line: 'if (this.termAt(onMajority)' },
  commitAsFollower: { symbol: 'appendEntries', line: 'this.commitUpTo(' },
  apply: { symbol: 'commitUpTo', line: 'this.apply({' },
  saveVote: { symbol: 'saveTermAndVote', line: 'this.storage.saveTermAndVote' },
  saveLog: { symbol: 'sync', line: 'this.storage.sync()' },
  recover: { symbol: 'constructor', line: 'this.storage.load()' },
  stop: { symbol: 'stop', line: "this.role = 'Dead'" },
  lost: null,
  world: null,
  takeSnapshot: { symbol: 'takeSnapshot', line: 'this.snapshots.begin(last)' },
  dropEntries: { symbol: 'dropBefore', line: 'this.log = log' },
  haveSnapshot: { symbol: 'noteSnapshot', line: 'this.lastApplied = last.index' },
  sendSnapshot: { symbol: 'sendPiece', line: 'peer.installSnapshot(args' },
  hearSnapshot: { symbol: 'installSnapshot', line: 'this.hearLeader(args.leaderId)' },
  answerSnapshot: { symbol: 'installSnapshot', line: 'received: this.snapshots' },
  hearReceived: { symbol: 'onSnapshotReply', line: 'this.snapshots.noteReceived(' },
  refuseCommand: { symbol: 'submit', line: 'return null' },
  ask: null,
  request: {
    file: 'service.ts',
    symbol: 'request',
    line: 'this.consensus().submit(command)',
  },
  answerDone: { file: 'service.ts', symbol: 'apply', line: "outcome: 'done', result }" },
  answerNotDone: { file: 'service.ts', symbol: 'request', line: 'notDone(' },
  answerUnknown: { file: 'service.ts', symbol: 'onChange', line: 'unknown(reason)' },
  toldDone: null,
  toldNotDone: null,
  toldUnknown: null,
  broken: null,
}

export function placeOf(name: RuleName): Place | null {
  return PLACES[name]
}

/** The laboratory numbers clients from here on. */
const FIRST_CLIENT = 100

/** A request of a client, or the answer to it. */
export function isOfClient({ from, to }: { from: number; to: number }): boolean {
  return from >= FIRST_CLIENT || to >= FIRST_CLIENT
}

/** What comes again and again, and tells nothing new. */
export function isRoutine({ event, rpc }: PlayEvent): boolean {
  if (event === 'persist') return true
  if (rpc && isOfClient(rpc)) return false
  if (!rpc || familyOf(rpc.method) !== 'append') return false
  if (event === 'drop') return rpc.kind === 'reply' || isHeartbeat(rpc)
  if (event !== 'send' && event !== 'receive') return false
  return rpc.kind === 'reply' ? rpc.args.success === true : isHeartbeat(rpc)
}

/** Of what happened at one instant, what to tell first. */
const WEIGHTS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    check: 9,
    return: 8,
    invoke: 6,
    role: 8,
    start: 8,
    commit: 7,
    truncate: 6,
    submit: 5,
    vote: 5,
    progress: 3,
    timer: 4,
    append: 4,
    fault: 4,
    apply: 3,
    receive: 2,
    send: 1,
    drop: 0,
  }),
)
/** Of a kind that is not among them: what a part has of its own is worth a look. */
const OTHER_WEIGHT = 5

/** The event of the last instant that says most about what happened there. */
export function mostTelling(events: readonly PlayEvent[]): PlayEvent | null {
  const last = events.at(-1)
  if (!last) return null
  let telling = last
  for (let at = events.length - 1; at >= 0; at -= 1) {
    const event = events[at]
    if (!event || event.time !== last.time) break
    if (weightOf(event) > weightOf(telling)) telling = event
  }
  return telling
}

function weightOf(event: PlayEvent): number {
  return isRoutine(event) ? 0 : (WEIGHTS.get(event.event) ?? OTHER_WEIGHT)
}
