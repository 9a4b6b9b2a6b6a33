/** Who is in a cluster, as the command line says it, and as Raft's configurations do. */
import type { Member as RaftMember } from './configuration.ts'
import { UsageError } from './errors.ts'
import { isLoopback } from './origin.ts'

/** A server, and where it listens, as host:port. */
export interface Member {
  readonly id: number
  readonly raft: string
  readonly http: string
}

const MEMBER = /^(\d{1,9})=(\[[\da-fA-F:.]+\]|[\w.-]+):(\d{1,5})\/(\d{1,5})$/

/**
 * Reads `0=127.0.0.1:7000/8000,1=…`: id, host, Raft's port, HTTP's port.
 *
 * @throws UsageError
 */
export function parseMembers(text: string): Member[] {
  const members = text.split(',').map((part) => read(part.trim()))
  mustDiffer(members)
  return members
}

/** Reads `0=127.0.0.1:7000/8000`. @throws UsageError */
export function parseMember(text: string): Member {
  const member = read(text)
  mustDiffer([member])
  return member
}

/**
 * Reads `{ "id": 3, "addresses": "127.0.0.1:7003/8003" }`; the addresses can also be
 * `{ "raft": "127.0.0.1:7003", "http": "127.0.0.1:8003" }`.
 *
 * @throws UsageError
 */
export function memberIn(body: object): Member {
  const { id, addresses } = body as { id?: unknown; addresses?: unknown }
  const form = 'a server is { "id": 3, "addresses": "127.0.0.1:7003/8003" }'
  if (typeof id !== 'number') throw new UsageError(`${form}; the id is a number`)
  if (typeof addresses === 'string') return parseMember(`${id}=${addresses}`)
  const { raft, http } = (addresses ?? {}) as { raft?: unknown; http?: unknown }
  if (typeof raft !== 'string' || typeof http !== 'string') {
    throw new UsageError(`${form}; the addresses can be { "raft": …, "http": … }, too`)
  }
  if (hostOf(raft) !== hostOf(http)) {
    throw new UsageError(
      `a server has one host, not ${hostOf(raft)} and ${hostOf(http)}`,
    )
  }
  return parseMember(`${id}=${raft}/${http.slice(hostOf(http).length + 1)}`)
}

/** As `--cluster` has it: `0=127.0.0.1:7000/8000`. */
export function memberText({ id, raft, http }: Member): string {
  return `${id}=${raft}/${http.slice(http.lastIndexOf(':') + 1)}`
}

/** As a configuration has it: where Raft listens, and behind a slash HTTP's port. */
export function toRaftMember(member: Member): RaftMember {
  const text = memberText(member)
  return { id: member.id, address: text.slice(text.indexOf('=') + 1) }
}

export function fromRaftMember({ id, address }: RaftMember): Member {
  const [raft = '', port] = address.split('/')
  return { id, raft, http: `${hostOf(raft)}:${port}` }
}

function read(text: string): Member {
  const [, id, host = '', raftPort, httpPort] = MEMBER.exec(text) ?? []
  const ports = [Number(raftPort), Number(httpPort)]
  if (id === undefined || !ports.every((port) => port >= 1 && port <= 65_535)) {
    throw new UsageError(
      `${text} is no server; one is ID=HOST:PORT/PORT, first Raft's port, then that ` +
        'of HTTP: 0=127.0.0.1:7000/8000',
    )
  }
  return { id: Number(id), raft: `${host}:${ports[0]}`, http: `${host}:${ports[1]}` }
}

function mustDiffer(members: readonly Member[]): void {
  const addresses = members.flatMap(({ raft, http }) => [raft, http])
  const twice = firstTwice(members.map(({ id }) => id)) ?? firstTwice(addresses)
  if (twice !== undefined) throw new UsageError(`the cluster has ${twice} twice`)
}

function firstTwice<T>(items: readonly T[]): T | undefined {
  return items.find((item, i) => items.indexOf(item) < i)
}

export function hostOf(address: string): string {
  return address.replace(/:\d+$/, '')
}

/** Whether all of them are on this machine, where nobody else reads what they say. */
export function areNear(members: readonly Member[]): boolean {
  return members.every(({ raft }) => isLoopback(hostOf(raft)))
}
