/** Why things happen: the rules of Figure 2, in our words, and which of them an event follows. */
import { configurationIn } from './configuration.ts'
import { isKnown, type KnownEvent, type Role, type TestLogLine } from './event.ts'
import { isHeartbeat } from './rpc.ts'

export interface Rule {
  readonly title: string
  readonly text: string
  /** Where the paper has it. */
  readonly paper: string
}

const RULES = {
  start: {
    title: 'A server starts as a follower',
    text: 'It sends nothing, answers others, and waits to hear from a leader.',
    paper: 'section 5.2',
  },
  timeout: {
    title: 'Followers: no leader was heard',
    text:
      'A follower that hears nothing from a leader, and gives no vote, for a whole election ' +
      'timeout begins an election.',
    paper: 'Figure 2, Followers; section 5.2',
  },
  timeoutAgain: {
    title: 'Candidates: nobody has won',
    text:
      'A whole election timeout has passed since it became a candidate, without a majority ' +
      'and without a leader: it begins another election, in the next term.',
    paper: 'Figure 2, Candidates; section 5.2',
  },
  candidate: {
    title: 'Candidates: begin an election',
    text:
      'It raises its term by one, votes for itself, starts its timer anew, and asks all ' +
      'others for their votes.',
    paper: 'Figure 2, Candidates; section 5.2',
  },
  askVote: {
    title: 'Candidates: ask for votes',
    text: 'A RequestVote goes to every other server, with the term of the candidate.',
    paper: 'Figure 2, RequestVote RPC',
  },
  hearVoteRequest: {
    title: 'RequestVote arrives',
    text:
      'First the terms are compared: whoever is behind catches up. Then the server decides ' +
      'whether it can vote.',
    paper: 'Figure 2, RequestVote RPC, receiver',
  },
  vote: {
    title: 'A vote is given',
    text:
      'At most one vote a term, to whoever asks first. So no two candidates can both have a ' +
      'majority.',
    paper: 'Figure 2, RequestVote RPC, receiver 2; section 5.2',
  },
  grant: {
    title: 'The answer says yes',
    text: 'The vote counts in this term, and in no other.',
    paper: 'Figure 2, RequestVote RPC',
  },
  refuse: {
    title: 'The answer says no',
    text:
      'The server voted for another in this term, or its term is higher, or its own log is ' +
      'more up to date than the candidate’s.',
    paper: 'Figure 2, RequestVote RPC, receiver 1 and 2; section 5.4.1',
  },
  countVotes: {
    title: 'Candidates: count the votes',
    text:
      'An answer counts if it says yes, and if this is still a candidate in the same term. ' +
      'A majority of all servers makes a leader.',
    paper: 'Figure 2, Candidates; section 5.2',
  },
  askPreVote: {
    title: 'Before an election: ask who would vote',
    text:
      'A PreVote is a RequestVote in the conditional. Nobody’s term rises for it, so a server ' +
      'that cannot win deposes nobody.',
    paper: 'thesis 9.6',
  },
  hearPreVote: {
    title: 'PreVote arrives',
    text:
      'Who has heard a leader of late gives no answer. Others say how they would vote, and ' +
      'change nothing.',
    paper: 'thesis 9.6 and 4.2.3',
  },
  wouldVote: {
    title: 'The answer says: I would',
    text: 'It is no vote: the same can be said to any number of servers.',
    paper: 'thesis 9.6',
  },
  wouldNotVote: {
    title: 'The answer says: I would not',
    text: 'The term that it would have is no higher than this one, or its log lacks entries.',
    paper: 'thesis 9.6; section 5.4.1',
  },
  countPreVotes: {
    title: 'Before an election: count who would vote',
    text: 'With a majority it begins the election. Without one its term stays as it is.',
    paper: 'thesis 9.6',
  },
  handOver: {
    title: 'Leaders: ask another to lead',
    text:
      'The other has all of the log by now. It need not wait for its timer; the leader takes ' +
      'no commands meanwhile.',
    paper: 'thesis 3.10',
  },
  standAtOnce: {
    title: 'TimeoutNow arrives',
    text:
      'As if its election timer had fired, and without asking first who would vote: the ' +
      'leader wants it.',
    paper: 'thesis 3.10',
  },
  handedOver: {
    title: 'The other has answered',
    text: 'Its term is a higher one if it stands for election. Then this leader follows.',
    paper: 'thesis 3.10',
  },
  leader: {
    title: 'Candidates: a majority makes a leader',
    text: 'It tells everybody at once, so that no other timer fires.',
    paper: 'Figure 2, Candidates and Leaders; section 5.2',
  },
  heartbeat: {
    title: 'Leaders: heartbeats',
    text:
      'Without anything to say, a leader still sends AppendEntries at every interval, so ' +
      'that nobody begins an election.',
    paper: 'Figure 2, Leaders; section 5.2',
  },
  sendEntries: {
    title: 'Leaders: send what a follower lacks',
    text:
      'From nextIndex on, with the index and term of the entry before, for the follower to ' +
      'compare.',
    paper: 'Figure 2, Leaders 3; section 5.3',
  },
  hearLeader: {
    title: 'AppendEntries arrives',
    text: 'A leader of this term, or a higher one: the election timer starts anew.',
    paper: 'Figure 2, AppendEntries RPC, receiver; section 5.2',
  },
  acceptEntries: {
    title: 'The follower agrees',
    text:
      'It holds the entry before the new ones, so its log is the leader’s up to the last ' +
      'of them.',
    paper: 'Figure 2, AppendEntries RPC, receiver; section 5.3',
  },
  refuseEntries: {
    title: 'The follower refuses',
    text:
      'The leader’s term is over, or the follower has no entry like the one before the new ' +
      'ones. Then the leader tries further back.',
    paper: 'Figure 2, AppendEntries RPC, receiver 1 and 2; section 5.3',
  },
  hearFollower: {
    title: 'Leaders: an answer arrives',
    text:
      'Agreed: matchIndex and nextIndex move on. Refused: nextIndex goes back, and it tries ' +
      'again.',
    paper: 'Figure 2, Leaders 3; section 5.3',
  },
  progress: {
    title: 'Leaders: how far a follower is known to be',
    text:
      'matchIndex is the last entry that is known to be the same there, nextIndex the first ' +
      'one that it is sent next.',
    paper: 'Figure 2, State, and Leaders 3; section 5.3',
  },
  hearHeartbeatReply: {
    title: 'Leaders: an answer arrives',
    text: 'In this part it tells one thing: whether there is a higher term somewhere.',
    paper: 'Figure 2, All servers; section 5.1',
  },
  follower: {
    title: 'All servers: a higher term',
    text:
      'Whoever hears of a higher term takes it over and becomes a follower, even a leader. ' +
      'It has not voted in that term.',
    paper: 'Figure 2, All servers; section 5.1',
  },
  giveUp: {
    title: 'Candidates: another has won',
    text:
      'A candidate that hears from the leader of its own term gives up. It keeps its vote: ' +
      'forgotten, it could be given twice.',
    paper: 'Figure 2, Candidates; section 5.2',
  },
  stepDown: {
    title: 'Leaders: give up the lead',
    text:
      'No majority has answered for an election timeout. Another server is to be elected, in ' +
      'the next term.',
    paper: 'thesis 6.2',
  },
  leaveLead: {
    title: 'Leaders: its removal is committed',
    text:
      'It has led until now, without counting itself. One of those who stay has all that is ' +
      'committed, and will lead.',
    paper: 'thesis 4.2.2',
  },
  submit: {
    title: 'Leaders: a command is taken',
    text: 'It goes to the end of the leader’s log. It is not yet committed.',
    paper: 'Figure 2, Leaders 2; section 5.3',
  },
  append: {
    title: 'Entries are appended',
    text: 'What the log did not have yet is added at its end.',
    paper: 'Figure 2, AppendEntries RPC, receiver 4',
  },
  appendOwn: {
    title: 'Leaders: the entry is appended',
    text: 'To its own log first. From there it is sent to the others.',
    paper: 'Figure 2, Leaders 2; section 5.3',
  },
  configure: {
    title: 'Another configuration is in force',
    text:
      'As soon as it is in a server’s log, committed or not. It differs from the one before ' +
      'by one server, so that every majority of one meets every majority of the other.',
    paper: 'section 6; thesis 4.1',
  },
  truncate: {
    title: 'Entries that conflict are removed',
    text:
      'The same index and another term: this entry and all that follow it go. They were ' +
      'never committed.',
    paper: 'Figure 2, AppendEntries RPC, receiver 3; section 5.3',
  },
  commitAsLeader: {
    title: 'Leaders: a majority holds it',
    text:
      'An entry of the leader’s own term that is on a majority is committed, and with it ' +
      'all before it. Older entries are never committed by counting.',
    paper: 'Figure 2, Leaders 4; sections 5.3 and 5.4.2',
  },
  commitAsFollower: {
    title: 'Followers: the leader has committed',
    text: 'A follower commits as far as the leader says, and as far as their logs agree.',
    paper: 'Figure 2, AppendEntries RPC, receiver 5',
  },
  apply: {
    title: 'All servers: apply what is committed',
    text: 'In the order of the log, each entry once.',
    paper: 'Figure 2, All servers; section 5.3',
  },
  saveVote: {
    title: 'Term and vote are made durable',
    text:
      'Before anybody is told of them: a server that forgot its vote in a crash could vote ' +
      'twice.',
    paper: 'Figure 2, State; section 5.1',
  },
  saveLog: {
    title: 'The log is made durable',
    text: 'Before anybody is told that an entry is in it.',
    paper: 'Figure 2, State; section 5.1',
  },
  recover: {
    title: 'A server comes back',
    text: 'With its term, its vote and its log. What is committed it learns anew.',
    paper: 'Figure 2, State',
  },
  stop: {
    title: 'The server is dead',
    text: 'It answers nothing and does nothing.',
    paper: 'section 5.1',
  },
  lost: {
    title: 'A message is lost',
    text: 'Nobody is told. Raft asks again and again, until an answer comes.',
    paper: 'sections 5.1 and 5.5',
  },
  world: {
    title: 'Something happens to the cluster',
    text: 'Servers crash and stand still, links break. Raft must bear it.',
    paper: 'section 5.5',
  },
  takeSnapshot: {
    title: 'A snapshot is begun',
    text:
      'Of what the state machine holds now. Each server takes one alone, piece by piece; the ' +
      'entries that it stands for are needed until it is durable.',
    paper: 'section 7',
  },
  dropEntries: {
    title: 'The beginning of the log is dropped',
    text:
      'A durable snapshot stands for it. The last entries before its end can stay, for ' +
      'followers that are a little behind.',
    paper: 'section 7',
  },
  haveSnapshot: {
    title: 'The state machine has what the snapshot says',
    text:
      'All that it stands for is committed, and counts as applied. Of the log, what follows ' +
      'on it is kept if it fits.',
    paper: 'Figure 13, InstallSnapshot RPC, receiver 6 to 8; section 7',
  },
  sendSnapshot: {
    title: 'Leaders: send a snapshot',
    text:
      'The follower lacks what the leader’s log has no more. It gets the snapshot instead, ' +
      'one piece after the other.',
    paper: 'Figure 13, InstallSnapshot RPC; section 7',
  },
  hearSnapshot: {
    title: 'InstallSnapshot arrives',
    text:
      'The terms are compared, and the election timer starts anew. A piece is taken if it ' +
      'follows on those that are here.',
    paper: 'Figure 13, InstallSnapshot RPC, receiver 1 to 4',
  },
  answerSnapshot: {
    title: 'The follower says how much it has',
    text: 'There the next piece begins; or all have come, and the snapshot is installed.',
    paper: 'Figure 13, InstallSnapshot RPC; section 7',
  },
  hearReceived: {
    title: 'Leaders: an answer arrives',
    text:
      'The next piece is sent. After the last one the follower gets entries again, from ' +
      'where the snapshot ends.',
    paper: 'Figure 13, InstallSnapshot RPC; section 7',
  },
  refuseCommand: {
    title: 'Only a leader takes commands',
    text: 'A client that asks another server has to try elsewhere.',
    paper: 'section 8',
  },
  ask: {
    title: 'A client asks',
    text: 'It looks for the leader by itself, and repeats only what was certainly not done.',
    paper: 'section 8',
  },
  request: {
    title: 'A request on its way to the service',
    text: 'It goes through the log like any command, reads as well: so it has its place in the order.',
    paper: 'section 8',
  },
  answerDone: {
    title: 'The service answers: done',
    text: 'Its entry is committed, and was applied here. What was done stays done.',
    paper: 'section 8; Figure 2, Leaders 2',
  },
  answerNotDone: {
    title: 'The service answers: not done',
    text: 'It certainly was not carried out, and will not be. So it may be asked again.',
    paper: 'section 8',
  },
  answerUnknown: {
    title: 'The service answers: unknown',
    text: 'It may have been carried out, or may still be: others may hold the entry.',
    paper: 'section 8',
  },
  toldDone: {
    title: 'The client knows: done',
    text: 'From now on nobody may see a state in which it was not.',
    paper: 'section 8',
  },
  toldNotDone: {
    title: 'The client knows: not done',
    text: 'It was not carried out and will not be; to ask again does no harm.',
    paper: 'section 8',
  },
  toldUnknown: {
    title: 'The client does not know',
    text: 'It may have been carried out, or may still be. Asked again, it might be done twice.',
    paper: 'section 8',
  },
  broken: {
    title: 'A rule is broken',
    text: 'What must never happen has happened. The run ends here.',
    paper: 'Figure 3',
  },
} as const satisfies Record<string, Rule>

export type RuleName = keyof typeof RULES

export function ruleOf(name: RuleName): Rule {
  return RULES[name]
}

export const RULE_NAMES = Object.keys(RULES) as RuleName[]

/** What of a line tells by which rule it came about. */
type Told = Pick<
  TestLogLine,
  'event' | 'role' | 'rpc' | 'index' | 'state' | 'server'
> & {
  /** The role before, where that is known. */
  readonly was?: Role
  readonly entries?: unknown
  readonly outcome?: unknown
  readonly snapshot?: unknown
}

/**
 * The rule by which something happened, by the fields of the event; null for what Figure 2
 * has no rule for.
 */
export function ruleNameFor(event: Told, hasLog: boolean): RuleName | null {
  const { event: kind, role } = event
  if (kind === 'invoke') return 'ask'
  if (kind === 'return') return RULE_OF_RETURN.get(event.outcome) ?? null
  if (kind === 'snapshot') return ruleForSnapshot(event)
  if (!isKnown(kind)) return null
  switch (kind) {
    case 'timer':
      return role === 'Candidate' ? 'timeoutAgain' : 'timeout'
    case 'role':
      return ruleForRole(event)
    case 'send':
      return ruleForSending(event, hasLog)
    case 'receive':
      return ruleForReceiving(event, hasLog)
    case 'submit':
      return event.index === undefined ? 'refuseCommand' : 'submit'
    case 'append':
      if (role === 'Dead') return 'recover'
      if (hasConfiguration(event.entries)) return 'configure'
      return role === 'Leader' ? 'appendOwn' : 'append'
    case 'commit':
      return role === 'Leader' ? 'commitAsLeader' : 'commitAsFollower'
    case 'persist':
      return event.index === undefined ? 'saveVote' : 'saveLog'
    default:
      return RULE_OF_KIND[kind] ?? null
  }
}

/** By the words that services, clients and the chapter of part 4 have for outcomes. */
const RULE_OF_ANSWER: ReadonlyMap<unknown, RuleName> = new Map([
  ['done', 'answerDone'],
  ['not done', 'answerNotDone'],
  ['unknown', 'answerUnknown'],
])
const RULE_OF_RETURN: ReadonlyMap<unknown, RuleName> = new Map([
  ['done', 'toldDone'],
  ['not done', 'toldNotDone'],
  ['unknown', 'toldUnknown'],
])

/** What clients ask of a service is an `operation`, or `asked`, and an answer has an `outcome`. */
function ruleForService({ args }: NonNullable<Told['rpc']>): RuleName | null {
  return 'operation' in args || 'asked' in args
    ? 'request'
    : (RULE_OF_ANSWER.get(args.outcome) ?? null)
}

/** One that is there is named; and the first entry that the log keeps behind it. */
function ruleForSnapshot({ snapshot, index }: Told): RuleName {
  if (snapshot === undefined) return 'takeSnapshot'
  return index === undefined ? 'haveSnapshot' : 'dropEntries'
}

/** The first entry of a cluster has one, too, which was in force before. */
function hasConfiguration(entries: unknown): boolean {
  if (!Array.isArray(entries)) return false
  return entries.some((entry) => entry?.index > 1 && configurationIn(entry))
}

function ruleForRole({ role, state, was, server = -1 }: Told): RuleName | null {
  if (role === undefined) return null
  // It has voted in its term: for itself, when it became a candidate in it.
  const isSameTerm = role === 'Follower' && typeof state?.votedFor === 'number'
  if (!isSameTerm) return RULE_OF_ROLE[role]
  if (was !== 'Leader') return 'giveUp'
  const { members } = state
  return Array.isArray(members) && !members.includes(server) ? 'leaveLead' : 'stepDown'
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

function ruleForSending({ rpc }: Told, hasLog: boolean): RuleName | null {
  if (rpc?.method === 'RequestVote') {
    if (rpc.kind === 'request') return 'askVote'
    return rpc.args.voteGranted === true ? 'grant' : 'refuse'
  }
  if (rpc?.method === 'PreVote') {
    if (rpc.kind === 'request') return 'askPreVote'
    return rpc.args.voteGranted === true ? 'wouldVote' : 'wouldNotVote'
  }
  if (rpc?.method === 'TimeoutNow') {
    return rpc.kind === 'request' ? 'handOver' : 'standAtOnce'
  }
  if (rpc?.method === 'InstallSnapshot') {
    return rpc.kind === 'request' ? 'sendSnapshot' : 'answerSnapshot'
  }
  if (rpc?.method !== 'AppendEntries') return rpc ? ruleForService(rpc) : null
  if (rpc.kind === 'request') return isHeartbeat(rpc) ? 'heartbeat' : 'sendEntries'
  if (rpc.args.success !== true) return 'refuseEntries'
  return hasLog ? 'acceptEntries' : 'hearLeader'
}

function ruleForReceiving({ rpc }: Told, hasLog: boolean): RuleName | null {
  if (rpc?.method === 'RequestVote') {
    return rpc.kind === 'request' ? 'hearVoteRequest' : 'countVotes'
  }
  if (rpc?.method === 'PreVote') {
    return rpc.kind === 'request' ? 'hearPreVote' : 'countPreVotes'
  }
  if (rpc?.method === 'TimeoutNow') {
    return rpc.kind === 'request' ? 'standAtOnce' : 'handedOver'
  }
  if (rpc?.method === 'InstallSnapshot') {
    return rpc.kind === 'request' ? 'hearSnapshot' : 'hearReceived'
  }
  if (rpc?.method !== 'AppendEntries') return rpc ? ruleForService(rpc) : null
  if (rpc.kind === 'request') return 'hearLeader'
  return hasLog ? 'hearFollower' : 'hearHeartbeatReply'
}
