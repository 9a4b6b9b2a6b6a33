import type { Fault, LoggedEntry, Role, Rpc } from '../../src/testlog/event.ts'

const SERVERS = 5
const HEARTBEAT_MS = 50
const ELECTION_MS = 220
/** A leader loses the network after so many lines. */
const LINES_PER_TERM = 4000

interface Server {
  readonly id: number
  role: Role
  term: number
  votedFor: number | null
  lastLogIndex: number
  lastLogTerm: number
  commitIndex: number
}

type Fields = Record<string, unknown>

/**
 * A log of any length that looks like one of part 3: five servers under load, whose leader is
 * cut off time and again. It follows a script and is no Raft; it is there for its size.
 */
export class SyntheticLog {
  readonly test: string
  private lines: string[] = []
  private written = 0
  private time = 0
  private calls = 0
  private leader = 0
  private readonly servers: Server[]
  private seed = 7

  constructor(test = 'a long run under load') {
    this.test = test
    this.servers = Array.from({ length: SERVERS }, (_, id) => ({
      id,
      role: 'Follower' as Role,
      term: 0,
      votedFor: null,
      lastLogIndex: 0,
      lastLogTerm: 0,
      commitIndex: 0,
    }))
  }

  /** Pieces of the log, some lines each, until it has `count` lines. */
  *pieces(count: number): Generator<string> {
    this.line({ event: 'test-start', ...START, servers: SERVERS, msg: '5 servers' })
    for (const server of this.servers) this.say(server, 'role', 'starts as a follower')
    this.elect(0)
    let termStart = 0
    while (this.written + this.lines.length < count) {
      this.commitOne()
      for (let beats = 0; beats < 3; beats += 1) this.heartbeat()
      if (this.written + this.lines.length - termStart > LINES_PER_TERM) {
        this.replaceLeader()
        termStart = this.written + this.lines.length
      }
      if (this.lines.length > 500) yield this.take(count)
    }
    this.lines.length = count - this.written - 1
    this.line({
      event: 'test-end',
      status: 'pass',
      durationMs: this.time,
      msg: 'passes',
    })
    yield this.take(count)
  }

  private take(count: number): string {
    const lines = this.lines.slice(0, count - this.written)
    this.written += lines.length
    this.lines = []
    return `${lines.join('\n')}\n`
  }

  private line(fields: Fields): void {
    const { msg, ...rest } = fields
    const time = Math.round(this.time * 1000) / 1000
    this.lines.push(JSON.stringify({ level: 30, time, test: this.test, ...rest, msg }))
  }

  private say(server: Server, event: string, msg: string, fields: Fields = {}): void {
    const { id, term, role, votedFor, commitIndex, lastLogIndex, lastLogTerm } = server
    const isLeader = role === 'Leader'
    const peers = this.servers.filter((peer) => peer.id !== id)
    const perPeer = (value: number) =>
      Object.fromEntries(isLeader ? peers.map((peer) => [peer.id, value]) : [])
    const state = {
      votedFor,
      commitIndex,
      lastApplied: commitIndex,
      lastLogIndex,
      lastLogTerm,
      nextIndex: perPeer(lastLogIndex + 1),
      matchIndex: perPeer(commitIndex),
    }
    const isMessage = fields.rpc !== undefined
    this.line({
      server: id,
      event,
      term,
      role,
      ...(!isMessage && { state }),
      ...fields,
      msg,
    })
  }

  /** A request and its reply, with what happens between them. */
  private call(
    from: Server,
    to: Server,
    method: string,
    args: Fields,
    reply: Fields,
  ): void {
    this.calls += 1
    const id = String(this.calls)
    const request: Rpc = { id, method, kind: 'request', from: from.id, to: to.id, args }
    this.say(from, 'send', `sends ${method} to ${to.id}`, { rpc: request })
    this.pass()
    this.say(to, 'receive', `receives ${method} from ${from.id}`, { rpc: request })
    const { entries } = args as { entries?: LoggedEntry[] }
    if (entries && entries.length > 0) this.append(to, entries)
    const answer = { ...request, kind: 'reply', from: to.id, to: from.id, args: reply }
    this.say(to, 'send', `answers ${method} of ${from.id}`, { rpc: answer })
    this.pass()
    const heard = `receives the answer to ${method} from ${to.id}`
    this.say(from, 'receive', heard, { rpc: answer })
  }

  private append(server: Server, entries: readonly LoggedEntry[]): void {
    const last = entries.at(-1) as LoggedEntry
    server.lastLogIndex = last.index
    server.lastLogTerm = last.term
    this.say(server, 'append', `appends 1 at ${last.index}`, { entries })
  }

  private appendArgs(leader: Server, entries: readonly LoggedEntry[]): Fields {
    return {
      term: leader.term,
      leaderId: leader.id,
      prevLogIndex: leader.lastLogIndex - entries.length,
      prevLogTerm: leader.lastLogTerm,
      entries,
      leaderCommit: leader.commitIndex,
    }
  }

  private commitOne(): void {
    const leader = this.servers[this.leader] as Server
    const index = leader.lastLogIndex + 1
    const command = `set key${index % 97} value${index}`
    this.say(leader, 'submit', `takes entry ${index}: ${command}`, { index, command })
    const entries = [{ index, term: leader.term, command }]
    this.append(leader, entries)
    for (const peer of this.peersOf(leader)) {
      const reply = { term: leader.term, success: true }
      this.call(leader, peer, 'AppendEntries', this.appendArgs(leader, entries), reply)
    }
    for (const server of this.servers) {
      server.commitIndex = index
      this.say(server, 'commit', `commits up to entry ${index}`)
      this.say(server, 'apply', `applies entry ${index}: ${command}`, { index, command })
    }
  }

  private heartbeat(): void {
    const leader = this.servers[this.leader] as Server
    this.time += HEARTBEAT_MS
    for (const peer of this.peersOf(leader)) {
      const reply = { term: leader.term, success: true }
      this.call(leader, peer, 'AppendEntries', this.appendArgs(leader, []), reply)
    }
  }

  private elect(id: number): void {
    const candidate = this.servers[id] as Server
    this.time += ELECTION_MS
    this.say(candidate, 'timer', `heard no leader for ${ELECTION_MS} ms`)
    candidate.role = 'Candidate'
    candidate.term += 1
    candidate.votedFor = id
    const { term } = candidate
    this.say(candidate, 'role', `becomes Candidate in term ${term}`)
    for (const peer of this.peersOf(candidate)) {
      peer.term = term
      peer.role = 'Follower'
      peer.votedFor = id
      const { lastLogIndex, lastLogTerm } = candidate
      const args = { term, candidateId: id, lastLogIndex, lastLogTerm }
      this.call(candidate, peer, 'RequestVote', args, { term, voteGranted: true })
    }
    candidate.role = 'Leader'
    this.leader = id
    this.say(candidate, 'role', `becomes Leader of term ${term}`)
  }

  private replaceLeader(): void {
    const old = this.leader
    this.fault({ kind: 'disconnect', peer: old }, `server ${old} is disconnected`)
    this.elect((old + 1) % SERVERS)
    this.fault({ kind: 'reconnect', peer: old }, `server ${old} is connected again`)
  }

  private fault(fault: Fault, msg: string): void {
    this.line({ event: 'fault', fault, msg })
  }

  private peersOf({ id }: Server): Server[] {
    return this.servers.filter((peer) => peer.id !== id)
  }

  /** A message takes 1 to 5 ms; the numbers are by chance, and always the same. */
  private pass(): void {
    this.seed = (this.seed * 48271) % 2147483647
    this.time += 0.2 + this.seed / 2147483647
  }
}

const START = {
  part: 'part3',
  seed: 7,
  network: 'simulated',
  replay: "./dotest.sh part3 'a long run under load' --seed 7",
}
