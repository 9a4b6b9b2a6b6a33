import type { ColumnSpec, TableSpec } from '../shared/format.ts'

/** A run has twenty of them, and a log can have ten thousand runs. */
const FIRST_CAPACITY = 16
const OTHER = 'other'

/** Whole numbers of 32 bits that grow at the end, without an object for each. */
export class Column {
  length = 0
  private values = new Int32Array(FIRST_CAPACITY)

  push(value: number): void {
    if (this.length === this.values.length) {
      const grown = new Int32Array(this.values.length * 2)
      grown.set(this.values)
      this.values = grown
    }
    this.values[this.length] = value
    this.length += 1
  }

  at(position: number): number {
    return this.values[position] ?? 0
  }

  set(position: number, value: number): void {
    this.values[position] = value
  }

  toArray(): Int32Array {
    return this.values.subarray(0, this.length)
  }
}

/** Strings, each kept once and known by its number. */
export class StringTable {
  private readonly numbers = new Map<string, number>()
  readonly strings: string[] = []
  private readonly most: number

  /** With some strings from the start. Those past the most that fit are one, `other`. */
  constructor(first: readonly string[] = [], most = Number.POSITIVE_INFINITY) {
    this.most = most
    for (const text of first) this.add(text)
  }

  add(text: string): number {
    const known = this.numbers.get(text)
    if (known !== undefined) return known
    if (this.strings.length >= this.most && text !== OTHER) return this.add(OTHER)
    const number = this.strings.length
    this.numbers.set(text, number)
    this.strings.push(text)
    return number
  }
}

export interface PackedColumns {
  readonly columns: ColumnSpec[]
  readonly tables: TableSpec[]
  readonly parts: Buffer[]
}

/** Lays columns and tables out one behind the other, in the order of their names here. */
export function pack(
  columns: Readonly<Record<string, { type: ColumnSpec['type']; values: Int32Array }>>,
  tables: Readonly<Record<string, StringTable>>,
): PackedColumns {
  const packed: PackedColumns = { columns: [], tables: [], parts: [] }
  for (const [name, { type, values }] of Object.entries(columns)) {
    addColumn(packed, name, type, values)
  }
  for (const [name, { strings }] of Object.entries(tables)) {
    const lengths = Int32Array.from(strings, ({ length }) => length)
    addColumn(packed, name, 'u32', lengths)
  }
  for (const [name, { strings }] of Object.entries(tables)) {
    // A lone surrogate cannot be written as UTF-8; its replacement has the same length.
    const bytes = Buffer.from(strings.join(''), 'utf8')
    packed.tables.push({ name, bytes: bytes.length })
    packed.parts.push(bytes)
  }
  return packed
}

function addColumn(
  packed: PackedColumns,
  name: string,
  type: ColumnSpec['type'],
  values: Int32Array,
): void {
  packed.columns.push({ name, type, length: values.length })
  packed.parts.push(type === 'u8' ? Buffer.from(values) : planes(values))
}

/** All lowest bytes, then all second ones and so on: so the many zeros stand together. */
function planes(values: Int32Array): Buffer {
  const { length } = values
  const bytes = Buffer.allocUnsafe(length * 4)
  for (let i = 0; i < length; i += 1) {
    const value = values[i] ?? 0
    bytes[i] = value & 0xff
    bytes[length + i] = (value >>> 8) & 0xff
    bytes[2 * length + i] = (value >>> 16) & 0xff
    bytes[3 * length + i] = value >>> 24
  }
  return bytes
}
