import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { LOOPBACK } from './members.ts'

const FIRST_PORT = 10_000
const LAST_PORT = 32_000

/**
 * Ports that nobody has. They lie below those that systems give to connections: one of those
 * could be taken before a server listens there.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(FIRST_PORT, LAST_PORT)
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

/** Where a server can listen, and listen again when it returns. */
export async function freeAddress(): Promise<string> {
  const [port] = await freePorts(1)
  return `${LOOPBACK}:${port}`
}

/** Whether nobody has any of these ports. */
export async function areFree(ports: readonly number[]): Promise<boolean> {
  return (await Promise.all(ports.map(isFree))).every(Boolean)
}

async function isFree(port: number): Promise<boolean> {
  const holder = createServer().listen(port, LOOPBACK)
  const listens = await once(holder, 'listening').then(
    () => true,
    () => false,
  )
  await new Promise((resolve) => holder.close(resolve))
  return listens
}
