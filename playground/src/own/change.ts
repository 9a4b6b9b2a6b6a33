/** A change to a file, as a difference; and that as a link carries it. */
import { applyPatch, createTwoFilesPatch } from 'diff'
import { LinkError } from '../sim/link.ts'

/** No file of a part is half as long; in characters. */
const MOST_CHARACTERS = 200_000
/** Of the lines around a change: enough to find its place again. */
const CONTEXT = 2

/** As in the gallery. Empty when there is none. */
export function differenceOf(file: string, before: string, after: string): string {
  if (before === after) return ''
  const patch = createTwoFilesPatch(file, file, before, after, '', '', {
    context: CONTEXT,
  })
  return patch.slice(patch.indexOf('---'))
}

/** The difference for a link: compressed, in letters that need no escape. */
export async function pack(difference: string): Promise<string> {
  const stream = new Blob([difference])
    .stream()
    .pipeThrough(new CompressionStream('deflate-raw'))
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer())
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** @throws LinkError when it is none. */
export async function unpack(packed: string): Promise<string> {
  try {
    const binary = atob(packed.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0))
    const stream = new Blob([bytes])
      .stream()
      .pipeThrough(new DecompressionStream('deflate-raw'))
    return await textOf(stream)
  } catch (error) {
    if (error instanceof LinkError) throw error
    throw new LinkError('the change to the code that it carries cannot be read')
  }
}

/** @throws LinkError when the change has no place in the text. */
export function withDifference(before: string, difference: string): string {
  const after = difference === '' ? before : applied(before, difference)
  if (after !== false && after.length <= MOST_CHARACTERS) return after
  throw new LinkError('the code has changed since, and its change has no place any more')
}

function applied(before: string, difference: string): string | false {
  try {
    return applyPatch(before, difference)
  } catch {
    return false
  }
}

/** Little that is compressed can be much that is not. */
async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  const reader = stream.getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    text += decoder.decode(value, { stream: true })
    if (text.length <= MOST_CHARACTERS) continue
    await reader.cancel()
    throw new LinkError('the change to the code that it carries is too long')
  }
}
