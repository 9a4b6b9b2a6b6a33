/** Every rule is broken here in every way that the laboratory claims to notice. */
import { expect, test } from 'vitest'
import { RULES } from '../../src/lab/rules/index.ts'
import { Referee } from '../../src/lab/rules/referee.ts'
import { InvariantViolation } from '../../src/lab/rules/rule.ts'
import type { View } from '../../src/lab/view.ts'

type Entry = { readonly term: number; readonly command: string }

const A: Entry = { term: 1, command: 'a' }
const B: Entry = { term: 1, command: 'b' }
const C: Entry = { term: 2, command: 'c' }

type Shown = Partial<View> & { readonly log?: readonly Entry[] }

/** A server that shows this; its log begins at `firstIndex`. */
function view({ log = [], firstIndex = 1, ...fields }: Shown): View {
  return {
    term: 0,
    votedFor: null,
    role: 'Follower',
    commitIndex: 0,
    lastApplied: 0,
    firstIndex,
    lastIndex: firstIndex + log.length - 1,
    entryAt: (index) => log[index - firstIndex],
    ...fields,
  }
}

/** The name of the rule that is broken, or null. */
function brokenRule(act: () => void): string | null {
  try {
    act()
    return null
  } catch (error) {
    if (error instanceof InvariantViolation) return error.invariant
    throw error
  }
}

/** Shows the states one after the other; the last alone may break a rule. */
function brokenBy(...history: [id: number, state: Shown][]): string | null {
  const referee = new Referee(RULES)
  const last = history.pop() as [number, Shown]
  for (const [id, state] of history) referee.observe(id, view(state))
  return brokenRule(() => referee.observe(last[0], view(last[1])))
}

test('a healthy history breaks no rule', () => {
  const referee = new Referee(RULES)
  const show = (id: number, state: Shown) => referee.observe(id, view(state))
  for (const id of [0, 1, 2]) show(id, {})
  show(0, { term: 1, votedFor: 0, role: 'Candidate' })
  show(1, { term: 1, votedFor: 0 })
  show(0, { term: 1, votedFor: 0, role: 'Leader' })
  show(0, { term: 1, votedFor: 0, role: 'Leader', log: [A, B] })
  show(1, { term: 1, votedFor: 0, log: [A] })
  const committed = { term: 1, votedFor: 0, log: [A, B], commitIndex: 1 }
  show(0, { ...committed, role: 'Leader' })
  referee.applied(0, view({ term: 1 }), { ...A, index: 1 })
  show(0, { ...committed, role: 'Leader', lastApplied: 1 })
  // Server 1 crashes, comes back, and leads term 2: entry 2 was not committed.
  referee.restarted(1)
  show(1, { term: 1, votedFor: 0, log: [A] })
  show(1, { term: 2, votedFor: 1, role: 'Candidate', log: [A] })
  show(1, { term: 2, votedFor: 1, role: 'Leader', log: [A, C] })
  // The old leader steps down, and its log gives way to that of the new one.
  show(0, { term: 2, log: [A, B], commitIndex: 1, lastApplied: 1 })
  const followed = { term: 2, log: [A, C], commitIndex: 2 }
  show(0, { ...followed, lastApplied: 1 })
  referee.applied(0, view({ term: 2 }), { ...C, index: 2 })
  referee.audit(0, view({ ...followed, lastApplied: 2 }))
})

test('Election Safety: two servers led one term, even one after the other', () => {
  expect(
    brokenBy(
      [0, { term: 1, role: 'Leader' }],
      [0, { term: 2 }],
      [1, { term: 1, role: 'Leader' }],
    ),
  ).toBe('Election Safety')
})

test('Monotonic Term: a term fell, even over a crash', () => {
  expect(brokenBy([0, { term: 2 }], [0, { term: 1 }])).toBe('Monotonic Term')
  const referee = new Referee(RULES)
  referee.observe(0, view({ term: 2 }))
  referee.restarted(0)
  expect(brokenRule(() => referee.observe(0, view({ term: 1 })))).toBe('Monotonic Term')
})

test('One Vote per Term: a vote was changed or forgotten, even over a crash', () => {
  const voted = { term: 1, votedFor: 1 }
  expect(brokenBy([0, voted], [0, { ...voted, votedFor: 2 }])).toBe('One Vote per Term')
  expect(brokenBy([0, voted], [0, { ...voted, votedFor: null }])).toBe(
    'One Vote per Term',
  )
  expect(brokenBy([0, voted], [0, { term: 2, votedFor: 2 }])).toBe(null)
  const referee = new Referee(RULES)
  referee.observe(0, view(voted))
  referee.restarted(0)
  const forgot = view({ ...voted, votedFor: null })
  expect(brokenRule(() => referee.observe(0, forgot))).toBe('One Vote per Term')
})

test('Leader Append-Only: a leader removed or replaced an entry of its log', () => {
  const leader = { term: 2, role: 'Leader', log: [A, B] } as const
  expect(brokenBy([0, { ...leader, log: [A, B] }], [0, { ...leader, log: [A] }])).toBe(
    'Leader Append-Only',
  )
  expect(
    brokenBy([0, { ...leader, log: [A, B] }], [0, { ...leader, log: [A, C] }]),
  ).toBe('Leader Append-Only')
  const follower = { term: 2 }
  expect(
    brokenBy([0, { ...follower, log: [A, B] }], [0, { ...follower, log: [A, C] }]),
  ).toBe(null)
})

test('Log Matching: entries of one index and term differ, or what precedes them does', () => {
  const other: Entry = { term: 1, command: 'other' }
  expect(brokenBy([0, { log: [A] }], [1, { log: [other] }])).toBe('Log Matching')
  const second: Entry = { term: 2, command: 'x' }
  const third: Entry = { term: 3, command: 'x' }
  expect(brokenBy([0, { log: [A, third] }], [1, { log: [second, third] }])).toBe(
    'Log Matching',
  )
})

test('Log Matching: an entry was changed in the middle of a log', () => {
  const referee = new Referee(RULES)
  const log = [A, B]
  const follower = view({ term: 1, log })
  referee.observe(0, follower)
  log[0] = { ...A }
  // A look at the end of the log does not see it: that is what the audit is for.
  expect(brokenRule(() => referee.observe(0, follower))).toBe(null)
  expect(brokenRule(() => referee.audit(0, follower))).toBe('Log Matching')
})

test('Monotonic Commit: the commit index fell, or lies beyond the log', () => {
  const state = { term: 1, log: [A, B], commitIndex: 2 }
  expect(brokenBy([0, state], [0, { ...state, commitIndex: 1 }])).toBe(
    'Monotonic Commit',
  )
  expect(brokenBy([0, { ...state, commitIndex: 3 }])).toBe('Monotonic Commit')
  expect(brokenBy([0, { ...state, commitIndex: 1, lastApplied: 2 }])).toBe(
    'Monotonic Commit',
  )
})

test('Lease Safety: a leader is elected while another reads in its lease', () => {
  const leader = { term: 1, role: 'Leader' } as const
  const next = { term: 2, role: 'Leader' } as const
  const inLease = { ...leader, hasLease: true }
  expect(brokenBy([0, inLease], [1, next])).toBe('Lease Safety')
  expect(brokenBy([0, { ...leader, hasLease: false }], [1, next])).toBe(null)
  expect(brokenBy([0, leader], [1, next])).toBe(null)
  expect(brokenBy([0, { ...inLease, term: 3 }], [1, next])).toBe(null)
})

test('Leader Completeness: a later leader lacks a committed entry', () => {
  const leader = { term: 1, role: 'Leader', log: [A], commitIndex: 1 } as const
  const next = { term: 2, role: 'Leader' } as const
  expect(brokenBy([0, { ...leader, log: [A] }], [1, { ...next, log: [] }])).toBe(
    'Leader Completeness',
  )
  expect(brokenBy([0, { ...leader, log: [A] }], [1, { ...next, log: [A] }])).toBe(null)
  // The same, noticed when the old leader commits while the new one leads already.
  expect(brokenBy([1, { ...next, log: [] }], [0, { ...leader, log: [A] }])).toBe(
    'Leader Completeness',
  )
})

test('State Machine Safety: two servers committed different entries at one index', () => {
  expect(
    brokenBy(
      [0, { term: 1, log: [A], commitIndex: 1 }],
      [1, { term: 2, log: [C], commitIndex: 1 }],
    ),
  ).toBe('State Machine Safety')
})

test('State Machine Safety: a server removed an entry that it had called committed', () => {
  const state = { term: 1, log: [A], commitIndex: 1 }
  expect(brokenBy([0, state], [0, { ...state, term: 2, log: [] }])).toBe(
    'State Machine Safety',
  )
})

test('State Machine Safety: entries are applied in order, once each, and the same ones', () => {
  const applying = (...entries: [id: number, index: number, entry: Entry][]) => {
    const referee = new Referee(RULES)
    return brokenRule(() => {
      for (const [id, index, entry] of entries) {
        referee.applied(id, view({ term: 1 }), { ...entry, index })
      }
    })
  }
  expect(applying([0, 1, A], [0, 2, B], [1, 1, A])).toBe(null)
  expect(applying([0, 2, B])).toBe('State Machine Safety')
  expect(applying([0, 1, A], [0, 1, A])).toBe('State Machine Safety')
  expect(applying([0, 1, A], [1, 1, B])).toBe('State Machine Safety')
})

test('a log that begins after a snapshot breaks no rule, and is held to them', () => {
  const referee = new Referee(RULES)
  const applied = { term: 1, log: [A, B], commitIndex: 2, lastApplied: 2 }
  referee.applied(0, view(applied), { ...A, index: 1 })
  referee.applied(0, view(applied), { ...B, index: 2 })
  referee.observe(0, view(applied))
  const cut = { term: 1, log: [B], commitIndex: 2, lastApplied: 2, firstIndex: 2 }
  referee.observe(0, view(cut))
  referee.audit(0, view(cut))
  // Server 1 was given the snapshot, with an empty log behind it, and then applies the rest.
  const given = { term: 1, commitIndex: 2, lastApplied: 2, firstIndex: 3 }
  referee.observe(1, view(given))
  referee.observe(1, view({ ...given, log: [C], commitIndex: 3 }))
  referee.applied(1, view({ ...given, log: [C], commitIndex: 3 }), { ...C, index: 3 })
  const other = { ...given, term: 2, log: [A], commitIndex: 3 }
  expect(brokenRule(() => referee.observe(2, view(other)))).toBe('State Machine Safety')
})
