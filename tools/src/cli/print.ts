import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Whether standard output shows colours. */
export const color = showsColor(process.stdout, process.env)

export function say(text: string): void {
  process.stdout.write(`${printable(text)}\n`)
}

/** Says on stderr what is wrong. */
export function complain(text: string): void {
  process.stderr.write(`${printable(text)}\n`)
}

/**
 * A text in which nothing can take over a terminal, whatever file or name it comes from:
 * control characters show as pictures, but for line breaks, tabs and our colours.
 */
function printable(text: string): string {
  return text.replace(CONTROLS, (found) => {
    if (found.length > 1)
      return color ? found : printable(found.slice(0, 1)) + found.slice(1)
    const code = found.charCodeAt(0)
    return code < 0x20 ? String.fromCharCode(PICTURES + code) : '\ufffd'
  })
}

/** What `paint` makes, and what controls: the direction of writing, too. */
const CONTROLS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  /\u001b\[(?:1|2|22|3\d|90)m|(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu
/** Where Unicode has pictures of the control characters. */
const PICTURES = 0x2400

/** A text in a style, where the output shows one. */
export function paint(style: Style, text: string): string {
  return color ? styleText(style, text, { validateStream: false }) : text
}

/** A diff, each line in the colour of what it does. */
export function paintDiff(diff: string): string {
  const lines = diff.trimEnd().split('\n')
  return lines.map((line) => paint(styleOfDiff(line), line)).join('\n')
}

function styleOfDiff(line: string): Style {
  if (line.startsWith('---') || line.startsWith('+++')) return 'bold'
  if (line.startsWith('@@')) return 'cyan'
  if (line.startsWith('-')) return 'red'
  return line.startsWith('+') ? 'green' : 'reset'
}

/** Whether a stream shows colours, as far as the environment has no other wish. */
export function showsColor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0'
  return stream.isTTY === true && env.TERM !== 'dumb'
}
