import type { Header } from '../shared/format.ts'

/** What the page carries, unpacked: the header, its columns of numbers, and its texts. */
export interface Data {
  readonly header: Header
  readonly columns: Readonly<Record<string, Int32Array | Uint8Array>>
  readonly tables: Readonly<Record<string, Texts>>
}

/** Undoes base64 and deflate. */
export async function unpack(base64: string): Promise<Uint8Array> {
  const bytes = fromBase64(base64)
  const stream = new Response(bytes).body?.pipeThrough(
    new DecompressionStream('deflate-raw'),
  )
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

function fromBase64(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64)
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i)
  return bytes
}

/** Reads what `pack` in the writer laid out. */
export function decode(bytes: Uint8Array): Data {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const headerBytes = view.getUint32(0, true)
  let offset = 4
  const take = (length: number) => {
    offset += length
    return bytes.subarray(offset - length, offset)
  }
  const header = JSON.parse(utf8.decode(take(headerBytes))) as Header
  const columns: Record<string, Int32Array | Uint8Array> = {}
  for (const { name, type, length } of header.columns) {
    columns[name] =
      type === 'u8' ? take(length).slice() : joinPlanes(take(length * 4), length)
  }
  const tables: Record<string, Texts> = {}
  for (const { name, bytes: size } of header.tables) {
    tables[name] = new Texts(utf8.decode(take(size)), columns[name] ?? new Uint8Array())
  }
  return { header, columns, tables }
}

/** A text that begins with a byte order mark keeps it: it is text like any other. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

function joinPlanes(bytes: Uint8Array, length: number): Int32Array {
  const values = new Int32Array(length)
  for (let i = 0; i < length; i += 1) {
    values[i] =
      (bytes[i] ?? 0) |
      ((bytes[length + i] ?? 0) << 8) |
      ((bytes[2 * length + i] ?? 0) << 16) |
      ((bytes[3 * length + i] ?? 0) << 24)
  }
  return values
}

/** Many strings in one, so that a million of them are no million objects. */
export class Texts {
  readonly count: number
  private readonly all: string
  private readonly starts: Uint32Array
  private lowered: string | null = null

  constructor(all: string, lengths: ArrayLike<number>) {
    this.all = all
    this.count = lengths.length
    this.starts = new Uint32Array(lengths.length + 1)
    for (let i = 0; i < lengths.length; i += 1) {
      this.starts[i + 1] = (this.starts[i] ?? 0) + (lengths[i] ?? 0)
    }
  }

  get(number: number): string {
    return this.all.slice(this.starts[number], this.starts[number + 1])
  }

  /** A 1 for each string that has `text` in it, in whatever case. */
  find(text: string): Uint8Array {
    const found = new Uint8Array(this.count)
    this.lowered ??= toLowerCase(this.all)
    const wanted = toLowerCase(text)
    let number = 0
    let at = this.lowered.indexOf(wanted)
    while (at !== -1) {
      while ((this.starts[number + 1] ?? Infinity) <= at) number += 1
      const end = this.starts[number + 1] ?? 0
      // What begins in one string and ends in the next is no hit; look again behind it.
      if (at + wanted.length <= end) {
        found[number] = 1
        at = this.lowered.indexOf(wanted, end)
      } else {
        at = this.lowered.indexOf(wanted, at + 1)
      }
    }
    return found
  }
}

/** Lower case of the same length, so that positions stay what they were. */
function toLowerCase(text: string): string {
  const lowered = text.toLowerCase()
  if (lowered.length === text.length) return lowered
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
