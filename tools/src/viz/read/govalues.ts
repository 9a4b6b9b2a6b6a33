/** `{Term:1 CandidateId:2 Entries:[…]}` to fields, under the names of this project. */
export function readGoFields(text: string): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  let rest = text.startsWith('{') ? text.slice(1, -1) : text
  for (;;) {
    const [whole, name = '', start = ''] = /^\s*([A-Za-z]\w*):(.?)/s.exec(rest) ?? []
    if (whole === undefined) return fields
    const valueAt = whole.length - start.length
    const length = valueLength(rest.slice(valueAt))
    const value = rest.slice(valueAt, valueAt + length)
    fields[name.charAt(0).toLowerCase() + name.slice(1)] = readGoValue(value)
    rest = rest.slice(valueAt + length)
  }
}

/** To the blank that ends a value, outside of all brackets. */
function valueLength(text: string): number {
  let depth = 0
  for (let i = 0; i < text.length; i += 1) {
    const character = text.charAt(i)
    if ('{[('.includes(character)) depth += 1
    if ('}])'.includes(character)) depth -= 1
    if (character === ' ' && depth === 0) return i
  }
  return text.length
}

function readGoValue(value: string): unknown {
  if (value === 'true' || value === 'false') return value === 'true'
  if (/^-?\d+$/.test(value)) return Number(value)
  if (value === '[]') return []
  const entries = /^\[(\{.*\})\]$/s.exec(value)
  return entries ? readGoEntries(entries[1] ?? '') : value
}

/** `{Command:42 Term:1} {Command:7 Term:1}` to entries; their indexes are not said. */
function readGoEntries(text: string): unknown[] {
  return splitGoList(text).map((item) => {
    const [, command, term] = /^\{Command:(.*) Term:(\d+)\}$/s.exec(item) ?? []
    return term === undefined ? item : { command, term: Number(term) }
  })
}

/** The items of a list as Go prints it: what blanks outside of brackets divide. */
export function splitGoList(text: string): string[] {
  const items: string[] = []
  let rest = text
  while (rest.length > 0) {
    const length = valueLength(rest)
    items.push(rest.slice(0, length))
    rest = rest.slice(length + 1)
  }
  return items
}
