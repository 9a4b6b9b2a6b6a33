import { matcher } from '../cli/pattern.ts'

/**
 * The tests that a pattern means: the one whose whole name it is, or else those whose names
 * it matches as text or as a regular expression, in any case. All of them without a pattern.
 */
export function selectTests(names: readonly string[], pattern: string): string[] {
  if (names.includes(pattern)) return [pattern]
  const text = pattern.toLowerCase()
  const matches = matcherOrNull(pattern)
  return names.filter((name) => name.toLowerCase().includes(text) || matches?.(name))
}

function matcherOrNull(pattern: string): ((text: string) => boolean) | null {
  try {
    return matcher(pattern, { ignoreCase: true })
  } catch {
    return null // It stands for itself, as text.
  }
}
