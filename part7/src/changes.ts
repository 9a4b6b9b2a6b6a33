/**
 * Changes: how a leader adds a server, and removes one (thesis, chapter 4), and how it hands
 * its leadership over (3.10). One server at a time: the next change may begin when the one
 * before is committed.
 *
 * A new server learns first, in rounds, and is counted in no majority meanwhile (4.2.1). In
 * each round it gets what the log had when the round began. When one has taken less than an
 * election timeout, so will the rest, and the server becomes a member.
 *
 * A server that was removed would never hear of it: nothing is sent to it any more. So the
 * leader goes on sending to it, for some time, until it knows that this is committed.
 */
import type {
  Configuration,
  Configurations,
  Member,
  PlacedConfiguration,
} from './configuration.ts'
import { Handover } from './handover.ts'
import type { AppendEntriesArgs, Clock, Peer, Report } from './raft.ts'
import type { Reads } from './reads.ts'

export type Change = { readonly add: Member } | { readonly remove: number }

/** What has come of it, in the words that clients are told. */
export interface Outcome {
  readonly outcome: 'done' | 'not done' | 'unknown'
  readonly reason: string
  /** It is not done however often it is asked for. */
  readonly isFinal?: true
}

export type OnOutcome = (outcome: Outcome) => void

/** The ConsensusModule, as far as changes have to do with it. */
export interface Leader {
  readonly peers: readonly Peer[]
  readonly reads: Reads
  readonly configurations: Configurations
  readonly matchIndex: ReadonlyMap<number, number>
  report(): Report
  connectPeers(): void
  changeTo(configuration: Configuration): void
}

/** A server that catches up gets so many rounds, … */
const MAX_ROUNDS = 10
/** … and so many election timeouts without progress; one that was removed, in all. */
const PATIENCE = 10

/** What is done for one change. */
interface Pending {
  readonly change: Change
  readonly onOutcome: OnOutcome[]
  /** Null when its entry is in the log. */
  learning: Learning | null
}

interface Learning {
  readonly member: Member
  rounds: number
  roundBeganAt: number
  /** What the log had at that time. */
  roundEnd: number
  /** Of the log, and of a snapshot: that it answers is no progress. */
  matchIndex: number
  received: number
  progressAt: number
}

/** One that was removed, and the entry that says so. */
interface Leaving {
  readonly member: Member
  readonly index: number
  readonly until: number
}

export class Changes {
  /** To whom the leadership goes, while it does. */
  handover: Handover | null = null

  private readonly leader: Leader
  private readonly clock: Clock
  /** The longest. */
  private readonly electionTimeoutMs: number
  private pending: Pending | null = null
  private leaving: Leaving[] = []

  constructor(leader: Leader, clock: Clock, electionTimeoutMs: number) {
    this.leader = leader
    this.clock = clock
    this.electionTimeoutMs = electionTimeoutMs
  }

  /** Those who are sent to, and are no members: who learns, and who has left. */
  get others(): readonly Member[] {
    const left = this.leaving.map(({ member }) => member)
    return this.learner ? [...left, this.learner] : left
  }

  get learner(): Member | null {
    return this.pending?.learning?.member ?? null
  }

  /**
   * Adds a server to the cluster, or removes one, or gives one another address.
   *
   * @param onOutcome is told what has come of it: at once or later.
   */
  request(change: Change, onOutcome: OnOutcome): void {
    if (this.joins(change)) {
      this.pending?.onOutcome.push(onOutcome)
      return
    }
    const answer = this.answerTo(change)
    if (answer) onOutcome(answer)
    else this.begin(change, onOutcome)
  }

  /**
   * Hands leadership to another member (3.10): to one, or to whoever has most of the log. The
   * leader takes no commands meanwhile.
   */
  handOver(to: number | null, onOutcome: OnOutcome): void {
    const target = this.targetFor(to)
    if ('outcome' in target) {
      onOutcome(target)
      return
    }
    const timer = this.clock.setTimeout(
      () => this.endHandover(null),
      this.electionTimeoutMs,
    )
    this.handover = new Handover(target, timer, onOutcome)
    this.askForElection()
  }

  /** This server leads no more, or not alone, or it was too long about it. */
  endHandover(leaderId: number | null): void {
    const { handover } = this
    if (!handover) return
    this.handover = null
    this.clock.clearTimeout(handover.timer)
    handover.end(leaderId)
  }

  /** At every heartbeat: whoever learns nothing, or does not hear, is given up. */
  goOn(): void {
    this.askForElection()
    this.goOnWithLeaving()
    const now = this.clock.now()
    this.keepLeaving(({ until }) => now < until)
    const learning = this.pending?.learning
    if (!learning) return
    const { member, rounds, progressAt } = learning
    const silentMs = Math.round(now - progressAt)
    if (rounds >= MAX_ROUNDS) {
      const timeout = `${this.electionTimeoutMs} ms`
      const problem = `none of ${MAX_ROUNDS} rounds was over within ${timeout}`
      this.end(notDone(`server ${member.id} does not catch up: ${problem}`))
    } else if (silentMs >= PATIENCE * this.electionTimeoutMs) {
      this.end(notDone(`server ${member.id} has made no progress for ${silentMs} ms`))
    }
  }

  /** A peer has what this message speaks of, and knows how much of that is committed. */
  noteAnswer(peerId: number, args: AppendEntriesArgs): void {
    const { prevLogIndex, entries, leaderCommit } = args
    const committed = Math.min(prevLogIndex + entries.length, leaderCommit)
    const isTold = ({ member, index }: Leaving) =>
      member.id === peerId && index <= committed
    this.keepLeaving((each) => !isTold(each))
    const learning = this.pending?.learning
    if (learning?.member.id === peerId) this.noteLearned(learning)
  }

  /** @param received so much of a snapshot; less than before when it begins again. */
  noteReceived(peerId: number, received: number): void {
    const learning = this.pending?.learning
    if (learning?.member.id !== peerId || learning.received === received) return
    // Such a round came to nothing, and there is an end to them.
    if (received < learning.received) learning.rounds += 1
    learning.received = received
    learning.progressAt = this.clock.now()
  }

  /** @returns whether this server has to give up its leadership: it was removed. */
  noteCommitted(commitIndex: number): boolean {
    const { configurations } = this.leader
    const { id, isLeader } = this.leader.report()
    if (!isLeader || configurations.latest.index > commitIndex) return false
    if (this.pending && !this.pending.learning) this.end(DONE)
    // It has led until then, though it did not count itself (4.2.2).
    return configurations.isRemoved(id, commitIndex)
  }

  /** This server leads no more. What is in the log, others may commit. */
  endLeadership(): void {
    this.keepLeaving(() => false)
    if (this.leader.report().role === 'Dead') this.endHandover(null)
    if (!this.pending) return
    this.end(this.pending.learning ? NOT_LEADER : { ...NOT_LEADER, outcome: 'unknown' })
  }

  /** Whether the same is under way. */
  private joins(change: Change): boolean {
    return JSON.stringify(this.pending?.change) === JSON.stringify(change)
  }

  /** What can be said of a change at once; null when it can begin. */
  private answerTo(change: Change): Outcome | null {
    const { configurations, reads } = this.leader
    const { isLeader, commitIndex } = this.leader.report()
    const { members, removed } = configurations.latest.configuration
    const id = idIn(change)
    const known = members.find((member) => member.id === id)
    if (!isLeader) return NOT_LEADER
    if (this.handover) return notDone('leadership is handed over')
    // Two leaders of different terms could otherwise go on from one configuration to two,
    // of which one has a majority without any server of a majority of the other.
    if (commitIndex < reads.firstIndex) {
      return notDone('the leader has just been elected')
    }
    if (this.pending || configurations.latest.index > commitIndex) {
      return notDone('another change is under way')
    }
    if ('add' in change) {
      if (removed.includes(id)) return never(`server ${id} was removed. ${NEVER_AGAIN}`)
      return known?.address === change.add.address ? DONE : null
    }
    if (removed.includes(id)) return DONE
    if (!known) return never(`there is no server ${id} in the cluster`)
    return members.length > 1 ? null : never('the last server cannot be removed')
  }

  private begin(change: Change, onOutcome: OnOutcome): void {
    const { leader } = this
    const isNew = 'add' in change && !leader.configurations.isMember(change.add.id)
    const learning = isNew ? this.newLearning(change.add) : null
    this.pending = { change, onOutcome: [onOutcome], learning }
    if (learning) leader.connectPeers()
    else this.change(this.pending)
  }

  /** A leader that has just been elected may go on with another's change. */
  private goOnWithLeaving(): void {
    const { latest, previous } = this.leader.configurations
    const isCommitted = latest.index <= this.leader.report().commitIndex
    if (isCommitted || this.leaving.length > 0) return
    this.noteLeaving(previous.configuration, latest)
    if (this.leaving.length > 0) this.leader.connectPeers()
  }

  /** Those whom a configuration leaves out are to learn it, as those who left before. */
  private noteLeaving(
    { members }: Configuration,
    { index, configuration }: PlacedConfiguration,
  ): void {
    const left = members.filter(({ id }) => configuration.removed.includes(id))
    const until = this.clock.now() + PATIENCE * this.electionTimeoutMs
    this.leaving.push(...left.map((member) => ({ member, index, until })))
  }

  private newLearning(member: Member): Learning {
    const progressAt = this.clock.now()
    const nothing = { rounds: 0, matchIndex: 0, received: 0, progressAt }
    return { member, ...nothing, ...this.newRound() }
  }

  private newRound() {
    return {
      roundBeganAt: this.clock.now(),
      roundEnd: this.leader.report().lastLogIndex,
    }
  }

  private noteLearned(learning: Learning): void {
    const { pending } = this
    const matchIndex = this.matchIndexOf(learning.member.id)
    const now = this.clock.now()
    if (matchIndex > learning.matchIndex) {
      learning.matchIndex = matchIndex
      learning.progressAt = now
    }
    if (matchIndex < learning.roundEnd) return
    const tookMs = now - learning.roundBeganAt
    if (pending && tookMs < this.electionTimeoutMs) {
      pending.learning = null
      this.change(pending)
    } else {
      Object.assign(learning, this.newRound(), { rounds: learning.rounds + 1 })
    }
  }

  /** From now on it is in force. */
  private change({ change }: Pending): void {
    const before = this.leader.configurations.latest.configuration
    const { members, removed } = before
    const id = idIn(change)
    const others = members.filter((member) => member.id !== id)
    const after =
      'add' in change
        ? { ...before, members: [...others, change.add].sort((a, b) => a.id - b.id) }
        : { ...before, members: others, removed: [...removed, id] }
    // Before it is in force, or what is known of who leaves would be forgotten.
    const index = this.leader.report().lastLogIndex + 1
    this.noteLeaving(before, { index, configuration: after })
    this.leader.changeTo(after)
  }

  /** To whom leadership can go, or why it cannot. */
  private targetFor(to: number | null): Peer | Outcome {
    const { configurations, peers } = this.leader
    if (!this.leader.report().isLeader) return NOT_LEADER
    if (this.handover) return notDone('leadership is handed over already')
    const others = peers.filter(({ id }) => configurations.isMember(id))
    const best = others.toSorted(
      (a, b) => this.matchIndexOf(b.id) - this.matchIndexOf(a.id),
    )
    const target = to === null ? best[0] : others.find(({ id }) => id === to)
    return target ?? never('there is no such other member')
  }

  /** Once it has all of the log, the other stands for election at once. */
  private askForElection(): void {
    const { leader, handover } = this
    if (!handover) return
    const { term, lastLogIndex } = leader.report()
    if (this.matchIndexOf(handover.target.id) < lastLogIndex) return
    // It can arrive late: from now on, there can be another leader at any time.
    leader.reads.endLease()
    handover.askForElection(term)
  }

  private keepLeaving(mustHear: (each: Leaving) => boolean): void {
    const { length } = this.leaving
    this.leaving = this.leaving.filter(mustHear)
    if (this.leaving.length < length) this.leader.connectPeers()
  }

  private end(outcome: Outcome): void {
    const { onOutcome = [], learning } = this.pending ?? {}
    this.pending = null
    if (learning) this.leader.connectPeers()
    for (const tell of onOutcome) tell(outcome)
  }

  private matchIndexOf(peerId: number): number {
    return this.leader.matchIndex.get(peerId) ?? 0
  }
}

const DONE: Outcome = { outcome: 'done', reason: '' }
const NOT_LEADER = notDone('this server is not the leader')
const NEVER_AGAIN =
  'An id is never used twice: give the server a new one, and an empty folder'

function notDone(reason: string): Outcome {
  return { outcome: 'not done', reason }
}

function never(reason: string): Outcome {
  return { ...notDone(reason), isFinal: true }
}

function idIn(change: Change): number {
  return 'add' in change ? change.add.id : change.remove
}
