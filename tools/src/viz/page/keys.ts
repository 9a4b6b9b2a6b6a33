/** Something a person can do, by a key and by the list that `?` shows. */
export interface Command {
  readonly keys: readonly string[]
  readonly does: string
  readonly run: () => void
}

/** Keys belong to a field that is being filled in, but for the one that leaves it. */
export function listenToKeys(commands: readonly Command[]): void {
  const byKey = new Map(commands.flatMap((c) => c.keys.map((key) => [key, c] as const)))
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const target = event.target as HTMLElement
    const isField = target.matches('input:not([type=checkbox]), select, textarea')
    if (isField && event.key !== 'Escape') return
    if (document.querySelector('dialog[open]')) return
    if (isActivation(event.key) && target.matches('button, summary, input, a')) return
    // What scrolls by itself keeps the keys that scroll it.
    const scrolls = target.closest('.logs, pre, aside') !== null
    if (scrolls && SCROLLS.has(event.key)) return
    const command = byKey.get(event.key)
    if (!command) return
    event.preventDefault()
    command.run()
  })
}

function isActivation(key: string): boolean {
  return key === 'Enter' || key === ' '
}

const SCROLLS: ReadonlySet<string> = new Set([
  'ArrowUp',
  'ArrowDown',
  'ArrowLeft',
  'ArrowRight',
  'PageUp',
  'PageDown',
  'Home',
  'End',
])
