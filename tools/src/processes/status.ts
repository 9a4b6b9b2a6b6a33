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

/** Asks the very process. @returns null when it does not answer, or not with "done". */
export async function ask(
  address: string,
  method: 'GET' | 'POST',
  path: string,
): Promise<string | null> {
  const answer = await answerOf(address, { method, path }, TIMEOUT_MS)
  return answer?.statusCode === 200 ? answer.text : null
}

/** What is asked of a process. */
export interface Question {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: object
}

/** Null when it does not answer. */
export async function answerOf(
  address: string,
  { method, path, body: asked }: Question,
  timeoutMs: number,
): Promise<{ readonly statusCode: number; readonly text: string } | null> {
  try {
    const { statusCode, body } = await agent.request({
      origin: `http://${address}`,
      path,
      method,
      ...(asked && { body: JSON.stringify(asked) }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    return { statusCode, text: await body.text() }
  } catch {
    return null
  }
}
