import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Whether standard output shows colours. */
export const color = showsColor(process.stdout, process.env)

export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

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
