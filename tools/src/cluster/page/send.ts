/** Asks the command for something. @throws with a sentence when it refuses, or is gone. */
export async function send(path: string, body: object = {}): Promise<unknown> {
  const response = await fetch(path, {
    method: 'POST',
    body: JSON.stringify(body),
  }).catch(() => null)
  if (!response) throw new Error('the command that runs the cluster does not answer')
  const answer = (await response.json().catch(() => ({}))) as { error?: string }
  if (response.ok) return answer
  throw new Error(answer.error ?? `it answered ${response.status}`)
}
