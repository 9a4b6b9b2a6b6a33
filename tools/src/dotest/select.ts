/** A pattern of these characters alone is plain text. */
const WORDS = /^[\w ]*$/

/**
 * The tests that a pattern means: the one whose whole name it is, or else those whose names
 * it matches as text or as a regular expression, in any case. All of them without a pattern.
 */
export async function selectTests(
  names: readonly string[],
  pattern: string,
): Promise<string[]> {
  if (names.includes(pattern)) return [pattern]
  const text = pattern.toLowerCase()
  const matches = WORDS.test(pattern) ? null : await matcherOrNull(pattern)
  return names.filter((name) => name.toLowerCase().includes(text) || matches?.(name))
}

async function matcherOrNull(
  pattern: string,
): Promise<((text: string) => boolean) | null> {
  // Loaded where it is needed: that takes some 25 ms, and most patterns are words.
  const { matcher } = await import('../cli/pattern.ts')
  try {
    return matcher(pattern, { ignoreCase: true })
  } catch {
    return null // It stands for itself, as text.
  }
}
