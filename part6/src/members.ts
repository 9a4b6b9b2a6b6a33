/** Who is in a cluster, as the command line says it. */
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
  const members = text.split(',').map((part) => {
    const [, id, host = '', raftPort, httpPort] = MEMBER.exec(part.trim()) ?? []
    const ports = [Number(raftPort), Number(httpPort)]
    if (id === undefined || !ports.every((port) => port >= 1 && port <= 65_535)) {
      throw new UsageError(
        `${part} is no server; one is ID=HOST:PORT/PORT, first Raft's port, then that ` +
          'of HTTP: 0=127.0.0.1:7000/8000',
      )
    }
    return { id: Number(id), raft: `${host}:${ports[0]}`, http: `${host}:${ports[1]}` }
  })
  const addresses = members.flatMap(({ raft, http }) => [raft, http])
  const twice = firstTwice(members.map(({ id }) => id)) ?? firstTwice(addresses)
  if (twice !== undefined) throw new UsageError(`the cluster has ${twice} twice`)
  return members
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
