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

/** From part 5 on these are answered without an entry of their own. */
const READS: ReadonlySet<string> = new Set(['Get', 'List'])
const READ_BESIDE_LOG = {
  file: 'service.ts',
  symbol: 'answerRead',
  line: "outcome: 'done'",
}

export function explain(event: PlayEvent, part: Part): Explanation {
  const name = ruleNameFor(event, part.hasLog)
  if (name === null) return fromFields(event, part)
  const { title, text, paper } = ruleOf(name)
  const read = name === 'answerDone' && READS.has(event.rpc?.method ?? '')
  const excerpt =
    reasonIn(event, part) ??
    (read ? atPlace(READ_BESIDE_LOG, part) : null) ??
    atPlace(placeOf(name), part)
  return { title, text, paper, excerpt }
}

function atPlace(place: ReturnType<typeof placeOf>, part: Part): Excerpt | null {
  if (!place) return null
  const { file = 'raft.ts', symbol, line, before = null } = place
  const found = part.sources
    .filter((source) => source.file.endsWith(`/${file}`))
    .map((source) => excerptOf(source, symbol, line))
    .reduce((first, next) => first ?? next, null)
  return found ?? atPlace(before, part)
}

/** A service says why: the line that says it is the one to look at. */
function reasonIn({ rpc }: PlayEvent, { sources }: Part): Excerpt | null {
  const reason = rpc?.kind === 'reply' ? rpc.args.reason : undefined
  return typeof reason === 'string' ? inOneOf(sources, `'${reason}'`) : null
}

function inOneOf(sources: Part['sources'], text: string): Excerpt | null {
  const found = sources.map((source) => excerptWith(source, text))
  return found.find((excerpt) => excerpt !== null) ?? null
}

/** What no rule of Figure 2 is about is told by its fields, and by the code that says it. */
function fromFields(event: PlayEvent, part: Part): Explanation {
  const { event: kind, rpc } = event
  const text = gistOf(event)
  if (!rpc) {
    const excerpt = inOneOf(part.sources, `'${kind}'`)
    return { title: kind, text, paper: null, excerpt }
  }
  const { method } = rpc
  const handler = method.charAt(0).toLowerCase() + method.slice(1)
  const isAtCaller = (kind === 'send') === (rpc.kind === 'request')
  const excerpt = isAtCaller
    ? inOneOf(part.sources, `.${handler}(`)
    : atPlace({ symbol: handler, line: handler }, part)
  return { title: titleOf(kind, rpc.kind, method), text, paper: null, excerpt }
}

function titleOf(kind: string, message: 'request' | 'reply', method: string): string {
  const what = message === 'request' ? method : `The answer to ${method}`
  if (kind === 'send') return `${what} is sent`
  return kind === 'receive' ? `${what} arrives` : `${what}: ${kind}`
}
