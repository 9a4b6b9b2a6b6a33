import { Agent } from 'undici'
import type { Status } from './server.ts'

/** In ms: one that stands still does not answer. */
const TIMEOUT_MS = 1_000

const agent = new Agent({ connect: { timeout: TIMEOUT_MS } })

/** Null from a server that does not answer. */
export async function statusOf(address: string): Promise<Status | null> {
  const text = await ask(address, 'GET', '/status')
  return text === null ? null : (JSON.parse(text) as Status)
}

/** Asks the very process. @returns null when it does not answer. */
export async function ask(
  address: string,
  method: 'GET' | 'POST',
  path: string,
): Promise<string | null> {
  try {
    const { statusCode, body } = await agent.request({
      origin: `http://${address}`,
      path,
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const text = await body.text()
    return statusCode === 200 ? text : null
  } catch {
    return null
  }
}
