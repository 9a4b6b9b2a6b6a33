/** Servers listen here where they have no machine of their own: nobody else reaches them. */
export const LOOPBACK = '127.0.0.1'

/** A server, and where it listens, by port. */
export interface Member {
  readonly id: number
  readonly host: string
  readonly raftPort: number
  readonly httpPort: number
}

/** Where a server's HTTP is, as host:port. */
export function addressOf({ host, httpPort }: Member): string {
  return `${host}:${httpPort}`
}

/** Where something listens. */
export interface End {
  readonly host: string
  readonly port: number
}

/** What `--cluster` takes. */
export function listOf(members: readonly Member[]): string {
  return members.map((member) => `${member.id}=${placeOf(member)}`).join(',')
}

/** What `--address` takes. */
export function placeOf({ host, raftPort, httpPort }: Member): string {
  return `${host}:${raftPort}/${httpPort}`
}
