import { styleText } from 'node:util'
import { showsColor } from '../testlog/pretty.ts'

type Style = 'bold' | 'cyan' | 'red' | 'green' | 'reset'

export function paint(style: Style, text: string): string {
  return showsColor(process.stdout, process.env) ? styleText(style, text) : text
}

/** A diff, each line in the colour of what it does. */
export function paintDiff(diff: string): string {
  const lines = diff.trimEnd().split('\n')
  return lines.map((line) => paint(styleOf(line), line)).join('\n')
}

function styleOf(line: string): Style {
  if (line.startsWith('---') || line.startsWith('+++')) return 'bold'
  if (line.startsWith('@@')) return 'cyan'
  if (line.startsWith('-')) return 'red'
  return line.startsWith('+') ? 'green' : 'reset'
}
