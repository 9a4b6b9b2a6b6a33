/** Why things happen: the rules of Figure 2, in our words, and where the code follows them. */
import { isKnown, type KnownEvent } from 'tools/testlog/event'
import { familyOf, isHeartbeat } from 'tools/testlog/rpc'
import type { Part } from './part.ts'
import type { PlayEvent } from './simulation.ts'

export interface Rule {
  readonly title: string
  readonly text: string
  /** Where the paper has it. */
  readonly paper: string
  /** A method of ConsensusModule; null for what the world does to the servers. */
  readonly symbol: string | null
  /** What the line that did it begins with, or has in it. */
  readonly line?: string
}

const RULES = {
  start: {
    title: 'A server starts as a follower',
    text: 'It sends nothing, answers others, and waits to hear from a leader.',
    paper: 'section 5.2',
    symbol: 'start',
    line: "this.role = 'Follower'",
  },
  timeout: {
    title: 'Followers: no leader was heard',
    text:
      'A follower that hears nothing from a leader, and gives no vote, for a whole election ' +
      'timeout begins an election.',
    paper: 'Figure 2, Followers; section 5.2',
    symbol: 'resetElectionTimer',
    line: 'this.startElection',
  },
  candidate: {
    title: 'Candidates: begin an election',
    text:
      'It raises its term by one, votes for itself, starts its timer anew, and asks all ' +
      'others for their votes.',
    paper: 'Figure 2, Candidates; section 5.2',
    symbol: 'startElection',
    line: "this.role = 'Candidate'",
  },
  askVote: {
    title: 'Candidates: ask for votes',
    text: 'A RequestVote goes to every other server, with the term of the candidate.',
    paper: 'Figure 2, RequestVote RPC',
    symbol: 'startElection',
    line: 'peer.requestVote(args',
  },
  hearVoteRequest: {
    title: 'RequestVote arrives',
    text:
      'First the terms are compared: whoever is behind catches up. Then the server decides ' +
      'whether it can vote.',
    paper: 'Figure 2, RequestVote RPC, receiver',
    symbol: 'requestVote',
    line: 'this.observeTerm(args.term)',
  },
  vote: {
    title: 'A vote is given',
    text:
      'At most one vote a term, to whoever asks first. So no two candidates can both have a ' +
      'majority.',
    paper: 'Figure 2, RequestVote RPC, receiver 2; section 5.2',
    symbol: 'requestVote',
    line: 'this.votedFor = args.candidateId',
  },
  grant: {
    title: 'The answer says yes',
    text: 'The vote counts in this term, and in no other.',
    paper: 'Figure 2, RequestVote RPC',
    symbol: 'requestVote',
    line: 'voteGranted,',
  },
  refuse: {
    title: 'The answer says no',
    text:
      'The server voted for another in this term, or its term is higher, or its own log is ' +
      'more up to date than the candidate’s.',
    paper: 'Figure 2, RequestVote RPC, receiver 1 and 2; section 5.4.1',
    symbol: 'requestVote',
    line: 'const voteGranted =',
  },
  countVotes: {
    title: 'Candidates: count the votes',
    text:
      'An answer counts if it says yes, and if this is still a candidate in the same term. ' +
      'A majority of all servers makes a leader.',
    paper: 'Figure 2, Candidates; section 5.2',
    symbol: 'onVoteReply',
    line: 'this.countVotes()',
  },
  leader: {
    title: 'Candidates: a majority makes a leader',
    text: 'It tells everybody at once, so that no other timer fires.',
    paper: 'Figure 2, Candidates and Leaders; section 5.2',
    symbol: 'becomeLeader',
    line: "this.role = 'Leader'",
  },
  heartbeat: {
    title: 'Leaders: heartbeats',
    text:
      'Without anything to say, a leader still sends AppendEntries at every interval, so ' +
      'that nobody begins an election.',
    paper: 'Figure 2, Leaders; section 5.2',
    symbol: 'sendAppendEntries',
    line: 'peer.appendEntries(',
  },
  sendEntries: {
    title: 'Leaders: send what a follower lacks',
    text:
      'From nextIndex on, with the index and term of the entry before, for the follower to ' +
      'compare.',
    paper: 'Figure 2, Leaders 3; section 5.3',
    symbol: 'sendAppendEntries',
    line: 'peer.appendEntries(args',
  },
  hearLeader: {
    title: 'AppendEntries arrives',
    text: 'A leader of this term, or a higher one: the election timer starts anew.',
    paper: 'Figure 2, AppendEntries RPC, receiver; section 5.2',
    symbol: 'appendEntries',
    line: 'this.resetElectionTimer()',
  },
  acceptEntries: {
    title: 'The follower agrees',
    text:
      'It holds the entry before the new ones, so its log is the leader’s up to the last ' +
      'of them.',
    paper: 'Figure 2, AppendEntries RPC, receiver; section 5.3',
    symbol: 'appendEntries',
    line: 'success: true,',
  },
  refuseEntries: {
    title: 'The follower refuses',
    text:
      'The leader’s term is over, or the follower has no entry like the one before the new ' +
      'ones. Then the leader tries further back.',
    paper: 'Figure 2, AppendEntries RPC, receiver 1 and 2; section 5.3',
    symbol: 'appendEntries',
    line: 'success: false,',
  },
  hearFollower: {
    title: 'Leaders: an answer arrives',
    text:
      'Agreed: matchIndex and nextIndex move on. Refused: nextIndex goes back, and it tries ' +
      'again.',
    paper: 'Figure 2, Leaders 3; section 5.3',
    symbol: 'onAppendReply',
    line: 'const matchIndex',
  },
  progress: {
    title: 'Leaders: how far a follower is known to be',
    text:
      'matchIndex is the last entry that is known to be the same there, nextIndex the first ' +
      'one that it is sent next.',
    paper: 'Figure 2, State, and Leaders 3; section 5.3',
    symbol: 'noteProgress',
    line: 'this.matchIndex.set(',
  },
  hearHeartbeatReply: {
    title: 'Leaders: an answer arrives',
    text: 'In this part it tells one thing: whether there is a higher term somewhere.',
    paper: 'Figure 2, All servers; section 5.1',
    symbol: 'sendAppendEntries',
    line: 'this.observeTerm(reply.term)',
  },
  follower: {
    title: 'All servers: a higher term',
    text:
      'Whoever hears of a higher term takes it over and becomes a follower, even a leader. ' +
      'A candidate that hears from the leader of its own term gives up, too.',
    paper: 'Figure 2, All servers and Candidates; section 5.1',
    symbol: 'becomeFollower',
    line: "this.role = 'Follower'",
  },
  submit: {
    title: 'Leaders: a command is taken',
    text: 'It goes to the end of the leader’s log. It is not yet committed.',
    paper: 'Figure 2, Leaders 2; section 5.3',
    symbol: 'submit',
    line: 'this.replaceFrom(index',
  },
  append: {
    title: 'Entries are appended',
    text: 'What the log did not have yet is added at its end.',
    paper: 'Figure 2, AppendEntries RPC, receiver 4',
    symbol: 'replaceFrom',
    line: 'this.log.push(entry)',
  },
  truncate: {
    title: 'Entries that conflict are removed',
    text:
      'The same index and another term: this entry and all that follow it go. They were ' +
      'never committed.',
    paper: 'Figure 2, AppendEntries RPC, receiver 3; section 5.3',
    symbol: 'replaceFrom',
    line: 'this.log.length = firstIndex - 1',
  },
  commitAsLeader: {
    title: 'Leaders: a majority holds it',
    text:
      'An entry of the leader’s own term that is on a majority is committed, and with it ' +
      'all before it. Older entries are never committed by counting.',
    paper: 'Figure 2, Leaders 4; sections 5.3 and 5.4.2',
    symbol: 'advanceCommitIndex',
    line: 'if (this.termAt(onMajority)',
  },
  commitAsFollower: {
    title: 'Followers: the leader has committed',
    text: 'A follower commits as far as the leader says, and as far as their logs agree.',
    paper: 'Figure 2, AppendEntries RPC, receiver 5',
    symbol: 'appendEntries',
    line: 'this.commitUpTo(',
  },
  apply: {
    title: 'All servers: apply what is committed',
    text: 'In the order of the log, each entry once.',
    paper: 'Figure 2, All servers; section 5.3',
    symbol: 'commitUpTo',
    line: 'this.apply({',
  },
  saveVote: {
    title: 'Term and vote are made durable',
    text:
      'Before anybody is told of them: a server that forgot its vote in a crash could vote ' +
      'twice.',
    paper: 'Figure 2, State; section 5.1',
    symbol: 'saveTermAndVote',
    line: 'this.storage.saveTermAndVote',
  },
  saveLog: {
    title: 'The log is made durable',
    text: 'Before anybody is told that an entry is in it.',
    paper: 'Figure 2, State; section 5.1',
    symbol: 'sync',
    line: 'this.storage.sync()',
  },
  recover: {
    title: 'A server comes back',
    text: 'With its term, its vote and its log. What is committed it learns anew.',
    paper: 'Figure 2, State',
    symbol: 'constructor',
    line: 'this.storage.load()',
  },
  stop: {
    title: 'The server is dead',
    text: 'It answers nothing and does nothing.',
    paper: 'section 5.1',
    symbol: 'stop',
    line: "this.role = 'Dead'",
  },
  lost: {
    title: 'A message is lost',
    text: 'Nobody is told. Raft asks again and again, until an answer comes.',
    paper: 'sections 5.1 and 5.5',
    symbol: null,
  },
  world: {
    title: 'Something happens to the cluster',
    text: 'Servers crash and stand still, links break. Raft must bear it.',
    paper: 'section 5.5',
    symbol: null,
  },
  refuseCommand: {
    title: 'Only a leader takes commands',
    text: 'A client that asks another server has to try elsewhere.',
    paper: 'section 8',
    symbol: 'submit',
    line: 'return null',
  },
  broken: {
    title: 'A rule of Figure 3 is broken',
    text: 'What must never happen has happened. The run ends here.',
    paper: 'Figure 3',
    symbol: null,
  },
} as const satisfies Record<string, Rule>

export type RuleName = keyof typeof RULES

export function ruleOf(name: RuleName): Rule {
  return RULES[name]
}

export const RULE_NAMES = Object.keys(RULES) as RuleName[]

/**
 * The rule by which something happened, by the fields of the event; null for what Figure 2
 * has no rule for.
 */
export function ruleNameFor(event: PlayEvent, part: Part): RuleName | null {
  const { event: kind, role } = event
  if (!isKnown(kind)) return null
  switch (kind) {
    case 'timer':
      return 'timeout'
    case 'role':
      return role === undefined ? null : RULE_OF_ROLE[role]
    case 'send':
      return ruleForSending(event, part)
    case 'receive':
      return ruleForReceiving(event, part)
    case 'submit':
      return event.index === undefined ? 'refuseCommand' : 'submit'
    case 'append':
      return role === 'Dead' ? 'recover' : 'append'
    case 'commit':
      return role === 'Leader' ? 'commitAsLeader' : 'commitAsFollower'
    case 'persist':
      return event.index === undefined ? 'saveVote' : 'saveLog'
    default:
      return RULE_OF_KIND[kind] ?? null
  }
}

const RULE_OF_ROLE = {
  Follower: 'follower',
  Candidate: 'candidate',
  Leader: 'leader',
  Dead: 'stop',
} as const

const RULE_OF_KIND: Readonly<Partial<Record<KnownEvent, RuleName>>> = {
  start: 'start',
  vote: 'vote',
  progress: 'progress',
  truncate: 'truncate',
  apply: 'apply',
  drop: 'lost',
  fault: 'world',
  check: 'broken',
}

function ruleForSending({ rpc }: PlayEvent, { hasLog }: Part): RuleName | null {
  if (rpc?.method === 'RequestVote') {
    if (rpc.kind === 'request') return 'askVote'
    return rpc.args.voteGranted === true ? 'grant' : 'refuse'
  }
  if (rpc?.method !== 'AppendEntries') return null
  if (rpc.kind === 'request') return isHeartbeat(rpc) ? 'heartbeat' : 'sendEntries'
  if (rpc.args.success !== true) return 'refuseEntries'
  return hasLog ? 'acceptEntries' : 'hearLeader'
}

function ruleForReceiving({ rpc }: PlayEvent, { hasLog }: Part): RuleName | null {
  if (rpc?.method === 'RequestVote') {
    return rpc.kind === 'request' ? 'hearVoteRequest' : 'countVotes'
  }
  if (rpc?.method !== 'AppendEntries') return null
  if (rpc.kind === 'request') return 'hearLeader'
  return hasLog ? 'hearFollower' : 'hearHeartbeatReply'
}

/** What comes again and again, and tells nothing new. */
export function isRoutine({ event, rpc }: PlayEvent): boolean {
  if (event === 'persist') return true
  if (!rpc || familyOf(rpc.method) !== 'append') return false
  if (event === 'drop') return rpc.kind === 'reply' || isHeartbeat(rpc)
  if (event !== 'send' && event !== 'receive') return false
  return rpc.kind === 'reply' ? rpc.args.success === true : isHeartbeat(rpc)
}

/** Of what happened at one instant, what to tell first. */
const WEIGHTS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    check: 9,
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
