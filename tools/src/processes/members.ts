/** Servers listen here, and nobody else can reach them. */
export const LOOPBACK = '127.0.0.1'

/** A server, and where it listens, by port. */
export interface Member {
  readonly id: number
  readonly raftPort: number
  readonly httpPort: number
}

/** Where a server's HTTP is, as host:port. */
export function addressOf({ httpPort }: Member): string {
  return `${LOOPBACK}:${httpPort}`
}

/**
 * What `--cluster` takes.
 *
 * @param portOf where Raft of a server is, for whom the list is for.
 */
export function listOf(
  members: readonly Member[],
  portOf: (member: Member) => number,
): string {
  return members
    .map((member) => `${member.id}=${LOOPBACK}:${portOf(member)}/${member.httpPort}`)
    .join(',')
}
