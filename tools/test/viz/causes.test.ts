import { beforeEach, describe, expect, test } from 'vitest'
import { causeOf, effectsOf, nextOf } from '../../src/viz/page/causes.ts'
import type { RawLines } from '../../src/viz/page/raw.ts'
import { EVENT, NONE, type Timeline } from '../../src/viz/page/timeline.ts'
import { fieldsOf, type Told, tell } from '../../src/viz/page/told.ts'
import { rowText } from '../../src/viz/page/words.ts'
import { logOf, pageOf } from './logs.ts'
import { eventfulLog } from './real.ts'

let timeline: Timeline
let raw: RawLines

beforeEach(async () => {
  timeline ??= await eventful()
})

async function eventful(): Promise<Timeline> {
  const page = await pageOf(eventfulLog())
  raw = page.raw
  return page.timeline
}

/** The first row from another on whose message has this. */
function find(message: string, from = 0): number {
  for (let row = from; row < timeline.rows; row += 1) {
    if (said(timeline, row).includes(message)) return row
  }
  throw new Error(`nothing says "${message}" from row ${from} on`)
}

function said(timeline: Timeline, row: number): string {
  return `${timeline.lane[row]}: ${rowText(timeline, row)[2]}`
}

/** What the panel tells of a row. */
async function told(row: number): Promise<Told> {
  const cause = causeOf(timeline, row)
  const request = cause === NONE ? null : fieldsOf(await raw.line(cause)).args
  return tell(timeline, row, fieldsOf(await raw.line(row)), request)
}

describe('a message is followed', () => {
  test('from where it is sent to what it caused, and on', () => {
    const path = [find('sends RequestVote to 0')]
    for (let step = 0; step < 8; step += 1) {
      path.push(nextOf(timeline, path.at(-1) ?? NONE))
    }
    expect(path.map((row) => said(timeline, row))).toEqual([
      '2: sends RequestVote to 0',
      '1: receives RequestVote from 1',
      '1: keeps term 1 and its vote',
      '1: becomes Follower in term 1',
      '1: keeps term 1 and its vote',
      '1: votes for 1',
      '1: answers RequestVote of 1',
      '2: receives the answer to RequestVote from 0',
      expect.anything(),
    ])
    expect(path.at(-1)).toBe(NONE)
  })

  test('and back to what it is because of', () => {
    const path = [find('becomes Leader of term 1')]
    while (path.at(-1) !== NONE) path.push(causeOf(timeline, path.at(-1) ?? NONE))
    path.pop()
    expect(path.map((row) => said(timeline, row))).toEqual([
      '2: becomes Leader of term 1',
      '2: receives the answer to RequestVote from 4',
      '5: answers RequestVote of 1',
      '5: receives RequestVote from 1',
      '2: sends RequestVote to 4',
      '2: heard no leader for 159 ms',
    ])
  })

  test('effects are those of their cause, in the whole run', () => {
    let effects = 0
    for (let row = 0; row < timeline.rows; row += 1) {
      for (const effect of effectsOf(timeline, row)) {
        expect(causeOf(timeline, effect), said(timeline, effect)).toBe(row)
        expect(effect).toBeGreaterThan(row)
        effects += 1
      }
    }
    expect(effects).toBeGreaterThan(timeline.rows / 2)
  })

  test('an answer belongs to its request, when other things came between, too', async () => {
    const rpc = (id: string, kind: string) => ({
      rpc: { id, method: 'AppendEntries', kind, from: 0, to: 1, args: {} },
    })
    const { timeline } = await pageOf(
      logOf(
        { event: 'test-start', servers: 2, network: 'simulated' },
        { event: 'receive', server: 1, ...rpc('a', 'request'), time: 1 },
        { event: 'append', server: 1, time: 1 },
        { event: 'receive', server: 1, ...rpc('b', 'request'), time: 2 },
        { event: 'persist', server: 1, time: 2 },
        { event: 'send', server: 1, ...rpc('a', 'reply'), time: 3 },
        { event: 'send', server: 1, ...rpc('b', 'reply'), time: 3 },
        { event: 'note', server: 1, time: 9 },
      ),
    )
    expect(effectsOf(timeline, 1)).toEqual([2, 5])
    expect(effectsOf(timeline, 3)).toEqual([4, 6])
    expect(causeOf(timeline, 7)).toBe(NONE)
  })
})

describe('what the panel tells', () => {
  test('why a vote is given, and what it rested on', async () => {
    const { rule, knew } = await told(find('answers RequestVote of 4'))
    expect(rule?.title).toBe('The answer says yes')
    expect(knew.slice(1)).toEqual([
      'The RequestVote is of the same term.',
      'The candidate’s log ends with entry 1 of term 1: as up to date as its own.',
    ])
  })

  test('what a receiver was, and what it is asked', async () => {
    const back = find('connected again')
    const first = find('2: receives AppendEntries from 4', back)
    const { knew: agreed } = await told(first)
    expect(agreed[2]).toBe('What is sent goes after entry 1 of term 1, which it has.')
    const second = find('2: receives AppendEntries from 4', first + 1)
    const { rule, knew } = await told(second)
    expect(rule?.paper).toContain('AppendEntries RPC, receiver')
    expect(knew).toEqual([
      'Server 1 was a follower in term 2, had given no vote in it, and its log ended with ' +
        'entry 2 of term 1.',
      'The AppendEntries is of the same term.',
      'What is sent goes after entry 2 of term 2: it has one of term 1 there.',
    ])
  })

  test('who voted for a leader, and who holds what it commits', async () => {
    const elected = await told(find('becomes Leader of term 2'))
    // Three are enough; what the others say comes later.
    expect(elected.knew[1]).toMatch(
      /^It had the votes of \d, \d: with its own 3 of 5 servers\.$/,
    )
    const committed = await told(find('commits up to entry 2'))
    expect(committed.knew[1]).toMatch(
      /^It knew that \d, \d held entry 2 \(matchIndex\): with itself 3 of 5 servers\.$/,
    )
  })

  test('a rule of the paper for every event of a server, but what readers note', async () => {
    const untold = new Set<string>()
    for (let row = 0; row < timeline.rows; row += 1) {
      if (!timeline.isServer(timeline.lane[row] ?? 0)) continue
      if ((await told(row)).rule === null) untold.add(timeline.eventName(row))
    }
    expect([...untold]).toEqual([])
  })

  test('nothing of a line that makes no sense', async () => {
    const lines = [
      'no JSON',
      '[]',
      'null',
      '{"rpc":1}',
      '{"rpc":{"args":"x"},"index":"1"}',
    ]
    for (const line of lines) {
      const fields = fieldsOf(line)
      expect(fields).toEqual({ args: null, index: undefined })
      for (const event of [EVENT.send, EVENT.receive, EVENT.role, EVENT.truncate]) {
        const row = timeline.event.indexOf(event)
        expect(() => tell(timeline, row, fields, null)).not.toThrow()
      }
    }
    const odd = fieldsOf('{"rpc":{"args":{"term":"x","prevLogIndex":null,"entries":4}}}')
    const row = find('receives AppendEntries')
    expect(tell(timeline, row, odd, null).knew).toHaveLength(1)
  })
})
