import type { Mistake } from '../parts/mistake.ts'
import { sourcesOf } from '../parts/seen.ts'
import type { Explanation, Riddle } from './judge.ts'

export function explanationOf(mistake: Mistake, riddle: Riddle): Explanation {
  const { name, title, story, breaks, seen, diff } = mistake
  const { file, lines } = riddle
  const sources = sourcesOf(seen)
  return { mistake: name, title, story, breaks, seen, sources, file, lines, diff }
}
