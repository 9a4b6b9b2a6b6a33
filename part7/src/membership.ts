/**
 * Membership: stands between clients and the changes of a cluster, as KeyValueService does
 * between clients and the log. It answers in the same three words: done, not done, unknown.
 *
 * A change can take longer than a client usually waits: a new server gets all that there
 * is first. As long as it does, the client is not told "unknown".
 */
import type { Change, Changes, OnOutcome, Outcome } from './changes.ts'
import type { Configurations } from './configuration.ts'
import { fromRaftMember, type Member, toRaftMember } from './members.ts'
import type { Clock, Report } from './raft.ts'

export type MembershipAnswer =
  | { readonly outcome: 'done' }
  | {
      readonly outcome: 'not done'
      readonly reason: string
      /** Who may do it instead: this server does not lead. Null when it is not known. */
      readonly leaderId: number | null
      /** It is not done however often it is asked for. */
      readonly isFinal: boolean
    }
  | { readonly outcome: 'unknown'; readonly reason: string }

/** Who is in the cluster, by the log of one server. */
export interface View {
  /** Its id; null before its first leader has said it. */
  readonly cluster: string | null
  /** Whether that is known to stay. */
  readonly committed: boolean
  readonly leader: number | null
  readonly members: readonly Member[]
  /** Whom the leader brings up to date, before it is a member. */
  readonly learner: Member | null
  readonly removed: readonly number[]
}

/** What is needed of a ConsensusModule. */
export interface ChangingConsensus {
  readonly changes: Pick<Changes, 'learner' | 'handover' | 'request' | 'handOver'>
  readonly configurations: Pick<Configurations, 'latest' | 'previous' | 'members'>
  report(): Report
}

export interface MembershipOptions {
  readonly clock: Clock
  readonly consensus: () => ChangingConsensus
  /** A client that has waited for so long is told "unknown". */
  readonly timeoutMs?: number
  /** What this very server has against another one, as a sentence; null if nothing. */
  readonly objection?: (member: Member) => string | null
}

interface Client {
  readonly onAnswer: (answer: MembershipAnswer) => void
  timer: unknown
}

const DEFAULT_TIMEOUT_MS = 5_000

export class Membership {
  private readonly clock: Clock
  private readonly consensus: () => ChangingConsensus
  private readonly timeoutMs: number
  private readonly objection: (member: Member) => string | null
  /** By what they asked for: who waits. Whoever asks for the same waits for the same. */
  private readonly waiting = new Map<string, Set<Client>>()

  constructor({ clock, consensus, timeoutMs, objection }: MembershipOptions) {
    this.clock = clock
    this.consensus = consensus
    this.timeoutMs = timeoutMs ?? DEFAULT_TIMEOUT_MS
    this.objection = objection ?? (() => null)
  }

  /** Clients that wait. */
  get clients(): number {
    return [...this.waiting.values()].reduce((sum, { size }) => sum + size, 0)
  }

  view(): View {
    const { changes, configurations, report } = this.parts()
    const { index, configuration } = configurations.latest
    return {
      cluster: index > 0 ? (configuration.cluster ?? null) : null,
      committed: index <= report.commitIndex,
      leader: report.leaderId,
      members: configuration.members.map(fromRaftMember),
      learner: changes.learner && fromRaftMember(changes.learner),
      removed: configuration.removed,
    }
  }

  /** Of who is a member, or was one until the latest change: it may lead still (4.2.2). */
  httpOf(id: number): string | undefined {
    const { latest, previous } = this.consensus().configurations
    const all = [...latest.configuration.members, ...previous.configuration.members]
    const member = all.find((each) => each.id === id)
    return member && fromRaftMember(member).http
  }

  /**
   * Has a server added, or its addresses changed.
   *
   * @param onAnswer is called once, possibly before this returns.
   * @returns what to call when the client has gone: then there is no answer.
   */
  add(member: Member, onAnswer: Client['onAnswer']): () => void {
    const problem = this.problemOf(member)
    if (problem) {
      onAnswer({ outcome: 'not done', reason: problem, leaderId: null, isFinal: true })
      return () => {}
    }
    return this.change({ add: toRaftMember(member) }, onAnswer)
  }

  /** Has a server removed. */
  remove(id: number, onAnswer: Client['onAnswer']): () => void {
    return this.change({ remove: id }, onAnswer)
  }

  /** Has another server lead: one, or whoever can at once. */
  transfer(to: number | null, onAnswer: Client['onAnswer']): () => void {
    const { changes, report } = this.parts()
    if (report.isLeader && report.id === to && !changes.handover) {
      onAnswer({ outcome: 'done' })
      return () => {}
    }
    return this.ask(`transfer to ${to}`, onAnswer, (onOutcome) => {
      changes.handOver(to, onOutcome)
    })
  }

  private parts() {
    const consensus = this.consensus()
    const { changes, configurations } = consensus
    return { changes, configurations, report: consensus.report() }
  }

  private change(change: Change, onAnswer: Client['onAnswer']): () => void {
    return this.ask(JSON.stringify(change), onAnswer, (onOutcome) => {
      this.consensus().changes.request(change, onOutcome)
    })
  }

  /** What no other part of the server looks at; a follower leaves it to its leader. */
  private problemOf({ id, ...own }: Member): string | null {
    const { configurations, report } = this.parts()
    if (!report.isLeader) return null
    for (const member of configurations.members) {
      const { raft, http } = fromRaftMember(member)
      const taken = [raft, http].find((one) => one === own.raft || one === own.http)
      if (member.id !== id && taken) return `server ${member.id} has ${taken} already`
    }
    return this.objection({ id, ...own })
  }

  private ask(
    what: string,
    onAnswer: Client['onAnswer'],
    begin: (onOutcome: OnOutcome) => void,
  ): () => void {
    const client: Client = { onAnswer, timer: null }
    const others = this.waiting.get(what)
    const all = others ?? new Set()
    all.add(client)
    this.await(client, all)
    if (others) return () => this.forget(client, all)
    this.waiting.set(what, all)
    begin((outcome) => {
      this.waiting.delete(what)
      const answer = this.answerFor(outcome)
      for (const each of [...all]) {
        this.forget(each, all)
        each.onAnswer(answer)
      }
    })
    return () => this.forget(client, all)
  }

  private await(client: Client, all: Set<Client>): void {
    client.timer = this.clock.setTimeout(() => {
      // If it makes no progress, that ends it.
      if (this.consensus().changes.learner) return this.await(client, all)
      this.forget(client, all)
      const reason = `it was not decided within ${this.timeoutMs} ms`
      client.onAnswer({ outcome: 'unknown', reason })
    }, this.timeoutMs)
  }

  private forget(client: Client, all: Set<Client>): void {
    this.clock.clearTimeout(client.timer)
    all.delete(client)
  }

  private answerFor({ outcome, reason, ...others }: Outcome): MembershipAnswer {
    if (outcome === 'done') return { outcome }
    if (outcome === 'unknown') return { outcome, reason }
    const { isLeader, leaderId } = this.consensus().report()
    const isFinal = others.isFinal === true
    return { outcome, reason, isFinal, leaderId: isLeader ? null : leaderId }
  }
}
