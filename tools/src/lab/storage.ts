/** What a part's Storage does, and what the laboratory must know of it. */
export interface Storage<State, Entry> {
  load(): State
  saveTermAndVote(currentTerm: number, votedFor: number | null): void
  saveEntries(firstIndex: number, entries: readonly Entry[]): void
  sync(): void
}

/**
 * A storage with an instant before and after each of its writes, for a machine to lose power
 * at: `instant` may throw a PowerFailure.
 */
export function betweenWrites<State, Entry>(
  storage: Storage<State, Entry>,
  instant: () => void,
): Storage<State, Entry> {
  const write = (save: () => void) => {
    instant()
    save()
    instant()
  }
  return {
    load: () => storage.load(),
    saveTermAndVote: (term, vote) => write(() => storage.saveTermAndVote(term, vote)),
    saveEntries: (index, entries) => write(() => storage.saveEntries(index, entries)),
    sync: () => write(() => storage.sync()),
  }
}
