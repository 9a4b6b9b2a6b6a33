/** Of anything that happened: what it was, why, and the code that did it. */
import { ruleNameFor, ruleOf } from 'tools/testlog/rules'
import { gistOf } from 'tools/viz/write/gist'
import { type Excerpt, excerptOf, excerptWith } from './excerpt.ts'
import type { Part } from './part.ts'
import { placeOf } from './rules.ts'
import type { PlayEvent } from './simulation.ts'

export interface Explanation {
  readonly title: string
  readonly text: string
  /** Where the paper has it; null for what is the part's own. */
  readonly paper: string | null
  readonly excerpt: Excerpt | null
}

export function explain(event: PlayEvent, part: Part): Explanation {
  const name = ruleNameFor(event, part.hasLog)
  if (name === null) return fromFields(event, part)
  const { title, text, paper } = ruleOf(name)
  const place = placeOf(name)
  const excerpt = place && excerptOf(part.source, place.symbol, place.line)
  return { title, text, paper, excerpt }
}

/** What no rule of Figure 2 is about is told by its fields, and by the code that says it. */
function fromFields(event: PlayEvent, { source }: Part): Explanation {
  const { event: kind, rpc } = event
  const text = gistOf(event)
  if (!rpc) {
    return { title: kind, text, paper: null, excerpt: excerptWith(source, `'${kind}'`) }
  }
  const { method } = rpc
  const handler = method.charAt(0).toLowerCase() + method.slice(1)
  const isAtCaller = (kind === 'send') === (rpc.kind === 'request')
  const excerpt = isAtCaller
    ? excerptWith(source, `.${handler}(`)
    : excerptOf(source, handler)
  return { title: titleOf(kind, rpc.kind, method), text, paper: null, excerpt }
}

function titleOf(kind: string, message: 'request' | 'reply', method: string): string {
  const what = message === 'request' ? method : `The answer to ${method}`
  if (kind === 'send') return `${what} is sent`
  return kind === 'receive' ? `${what} arrives` : `${what}: ${kind}`
}
