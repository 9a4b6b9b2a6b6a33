import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import { linesOf } from '../cli/lines.ts'

/** In ms, between two attempts to reach a server that is not there. */
const RETRY_MS = 30
const DATA = Buffer.from('data: ')

/** A server that stands still is no reason to hang up. */
const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0 })

/**
 * Calls back with each line of a server's test log, in this life of it and in the next, until
 * the signal says that nobody wants to know any more, or there will be no next one.
 */
export async function follow(
  address: string,
  onLine: (line: Buffer) => void,
  { signal, hasNext }: { readonly signal: AbortSignal; readonly hasNext: () => boolean },
): Promise<void> {
  while (!signal.aborted && hasNext()) {
    try {
      const { body } = await agent.request({
        origin: `http://${address}`,
        path: '/log',
        method: 'GET',
        signal,
      })
      for await (const lines of linesOf(body)) {
        for (const line of lines) {
          if (line.subarray(0, DATA.length).equals(DATA)) {
            onLine(Buffer.from(line.subarray(DATA.length)))
          }
        }
      }
    } catch {
      // It was killed, or has not started yet.
    }
    if (!signal.aborted) await sleep(RETRY_MS)
  }
}
