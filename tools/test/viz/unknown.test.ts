/** What no reader has heard of is drawn all the same: by its word, its name, its fields. */
import { describe, expect, test } from 'vitest'
import { familyOf, shadeOf } from '../../src/testlog/rpc.ts'
import { arrowsOf } from '../../src/viz/page/arrows.ts'
import { applyFilters, NO_FILTERS } from '../../src/viz/page/filter.ts'
import type { Timeline } from '../../src/viz/page/timeline.ts'
import { rowText, signOf, unknownKind } from '../../src/viz/page/words.ts'
import { logOf, pageOf } from './logs.ts'

const start = { event: 'test-start', servers: 3 }

function gistOf(timeline: Timeline, row: number): string {
  return rowText(timeline, row)[1]
}

describe('a kind of event', () => {
  const lease = {
    ...{ event: 'lease', server: 1, term: 3, role: 'Leader', msg: 'takes one' },
    ...{ lastIncludedIndex: 40, members: [0, 1], state: { votedFor: 1 } },
  }

  test('has its word, its message and the fields of its own', async () => {
    const { timeline } = await pageOf(logOf(start, lease))
    expect(timeline.eventName(1)).toBe('lease')
    expect(unknownKind(timeline, 1)).toBe('lease')
    expect(signOf(timeline, 1)).toBe('·')
    expect(rowText(timeline, 1)).toEqual([
      'takes one',
      'lastIncludedIndex 40, members [0,1]',
      'takes one',
    ])
    expect(timeline.snapshot(2, 1)).toMatchObject({ role: 3, term: 3 })
  })

  test('can be hidden like any other', async () => {
    const { timeline } = await pageOf(logOf(start, lease, { server: 0, event: 'vote' }))
    const { rows, hidden } = applyFilters(timeline, {
      ...NO_FILTERS,
      events: ['lease'],
    })
    expect([[...rows], hidden.events]).toEqual([[0, 2], 1])
  })

  test('is no word of a language, nor one of too many', async () => {
    const names = ['constructor', '__proto__', 'a b', '', 'x'.repeat(41), 7]
    const { timeline } = await pageOf(logOf(...names.map((event) => ({ event }))))
    const shown = names.map((_, row) => unknownKind(timeline, row))
    expect(shown).toEqual(['constructor', '__proto__', null, null, null, null])
    const kinds = Array.from({ length: 1000 }, (_, n) => ({ event: `kind-${n}` }))
    const crowd = (await pageOf(logOf(...kinds))).timeline
    expect(crowd.header.events.length).toBeLessThan(256)
    expect([crowd.eventName(0), crowd.eventName(999)]).toEqual(['kind-0', 'other'])
  })

  test('does not move the message that it speaks of', async () => {
    const rpc = { id: 'a', method: 'Ping', kind: 'request', from: 0, to: 1, args: {} }
    const about = (event: string, server: number) => ({ event, server, rpc })
    const log = logOf(start, about('send', 0), about('held', 0), about('receive', 1))
    const { timeline } = await pageOf(log)
    const arrows = arrowsOf(timeline, [0, 1, 2, 3])
    expect(arrows.map((a) => `${a.fromRow}>${a.toRow} ${a.end}`)).toEqual([
      '1>3 arrives',
    ])
  })
})

describe('a method', () => {
  const sent = (method: string, args: object, kind = 'request') => {
    const rpc = { id: `${method} ${kind}`, method, kind, from: 0, to: 1, args }
    return { event: 'send', server: 0, rpc, msg: `sends ${method}` }
  }

  test('is told by its fields, those of Figure 2 in words', async () => {
    const log = logOf(
      start,
      sent('PreVote', { term: 4, candidateId: 0, lastLogIndex: 9, lastLogTerm: 3 }),
      sent('PreVote', { term: 4, voteGranted: false }, 'reply'),
      sent('InstallSnapshot', { term: 4, leaderId: 0, lastIncludedIndex: 7 }),
      sent('InstallSnapshot', { term: 4 }, 'reply'),
      sent('AppendConfig', { term: 4, leaderId: 0, entries: [] }),
      sent('TimeoutNow', { term: 4, leaderId: 0 }),
      sent('Gossip', {}),
    )
    const { timeline } = await pageOf(log)
    expect([1, 2, 3, 4, 5, 6, 7].map((row) => gistOf(timeline, row))).toEqual([
      'term 4, last entry 9 of term 3',
      'term 4, no vote',
      'term 4, lastIncludedIndex 7',
      'term 4',
      'term 4, heartbeat',
      'term 4',
      '',
    ])
    const { hidden } = applyFilters(timeline, { ...NO_FILTERS, hideHeartbeats: true })
    expect(hidden.heartbeats).toBe(1)
  })

  test('has the colour of its family, or one by its name', () => {
    const methods = ['RequestVote', 'PreVote', 'AppendEntries', 'InstallSnapshot']
    expect(methods.map(familyOf)).toEqual(['vote', 'vote', 'append', 'other'])
    expect(shadeOf('InstallSnapshot')).not.toBe(shadeOf('TimeoutNow'))
  })
})

describe('a fault', () => {
  async function spansOf(...faults: object[]) {
    const lines = faults.map((fault) => ({ event: 'fault', fault, msg: 'a fault' }))
    const { timeline } = await pageOf(logOf(start, ...lines))
    return timeline.header.faults.map(({ lane, label, endLabel, fromRow, toRow }) => {
      return `${lane}: ${label} ${fromRow}-${toRow} ${endLabel}`
    })
  }

  test('lasts at its place until it is over', async () => {
    const spans = await spansOf(
      { kind: 'smoke', peer: 1 },
      { kind: 'smoke', peer: 2, label: 'thick smoke' },
      { kind: 'smoke', peer: 1, over: true },
      { kind: 'fog', from: 0, to: 1 },
      { kind: 'fog', from: 0, to: 2 },
      { kind: 'fog', from: 0, to: 1, over: true, label: 'clear again' },
      { kind: 'storm' },
    )
    expect(spans).toEqual([
      '2: smoke 1-3 smoke is over',
      '3: thick smoke 2-8 smoke is over',
      '1: fog to 1 4-6 clear again',
      '1: fog to 2 5-8 fog to 2 is over',
      '0: storm 7-8 storm is over',
    ])
  })

  test('that makes no sense is none', async () => {
    const spans = await spansOf(
      { kind: 'constructor', peer: 1 },
      { kind: 'two words', peer: 1 },
      { kind: 'odd', peer: 'x' },
      { kind: 'odd', label: 7 },
      { kind: 'partition' },
    )
    expect(spans).toEqual(['2: constructor 1-6 constructor is over'])
  })
})
