import { once } from 'node:events'
import { createServer } from 'node:net'
import { LOOPBACK } from './members.ts'

/** Ports that nobody has; all are held until the last is found, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  return (await heldPorts(Array.from({ length: count }, () => 0))) ?? []
}

/** Whether nobody has any of these ports. */
export async function areFree(ports: readonly number[]): Promise<boolean> {
  return (await heldPorts(ports)) !== null
}

/** Takes the ports, 0 standing for any, and lets them go; null when somebody has one. */
async function heldPorts(ports: readonly number[]): Promise<number[] | null> {
  const holders = ports.map((port) => createServer().listen(port, LOOPBACK))
  const listening = holders.map((holder) => once(holder, 'listening'))
  const results = await Promise.allSettled(listening)
  const isAll = results.every(({ status }) => status === 'fulfilled')
  const found = holders.map((holder) => (holder.address() as { port: number })?.port)
  await Promise.all(
    holders.map((holder) => new Promise((resolve) => holder.close(resolve))),
  )
  return isAll ? found : null
}
