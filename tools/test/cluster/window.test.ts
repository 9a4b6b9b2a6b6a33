import { expect, test } from 'vitest'
import { decode } from '../../src/viz/page/decode.ts'
import { Timeline } from '../../src/viz/page/timeline.ts'
import { rowText } from '../../src/viz/page/words.ts'
import { LogWindow } from '../../src/viz/window.ts'

const MOST = 100

function windowOf(...lines: readonly object[]): LogWindow {
  const window = new LogWindow('part5', 3, MOST)
  for (const [i, line] of lines.entries())
    add(window, { time: i, msg: `line ${i}`, ...line })
  return window
}

function add(window: LogWindow, fields: object): void {
  const event = { test: 'part5', event: 'note', time: 0, msg: '', ...fields }
  window.add(event, Buffer.from(JSON.stringify(event)))
}

function timelineOf(window: LogWindow): Timeline {
  return new Timeline(decode(window.data().data))
}

/** So much that what came before is no longer held. */
function overflow(window: LogWindow): void {
  for (let i = 0; i < 2 * MOST; i += 1) add(window, { server: 1, term: 1, msg: 'more' })
}

test('what it gives is a timeline, and the lines of its rows', () => {
  const window = windowOf({ server: 0, event: 'role', role: 'Leader', term: 2 })
  const timeline = timelineOf(window)
  expect(timeline.rows).toBe(1)
  expect(timeline.snapshot(timeline.laneOfServer(0), 0)).toMatchObject({ term: 2 })
  expect(JSON.parse(window.data().lines.toString())).toMatchObject({ msg: 'line 0' })
})

test('of a long log it holds the latest events, and no more than twice as many', () => {
  const window = windowOf()
  for (let i = 0; i < 50_000; i += 1) add(window, { time: i, msg: `line ${i}` })
  expect(window.total).toBe(50_000)
  const timeline = timelineOf(window)
  expect(timeline.rows).toBeGreaterThanOrEqual(MOST)
  expect(timeline.rows).toBeLessThanOrEqual(2 * MOST + 1)
  expect(rowText(timeline, timeline.rows - 1)[0]).toBe('line 49999')
  expect(rowText(timeline, 0)[0]).toMatch(/^49,\d00 events came before$/)
})

test('what a server had come to be is known when its lines are gone', () => {
  const entries = [1, 2, 3].map((index) => ({ index, term: 1, command: `c${index}` }))
  const window = windowOf(
    { server: 0, event: 'role', role: 'Leader', term: 4, state: { commitIndex: 2 } },
    { server: 0, event: 'append', entries },
    { server: 0, event: 'truncate', index: 3 },
  )
  overflow(window)
  const timeline = timelineOf(window)
  const { term, role, state, log } = timeline.snapshot(
    timeline.laneOfServer(0),
    timeline.rows - 1,
  )
  expect([term, role, state.commitIndex]).toEqual([4, 3, 2])
  const kept = timeline.entries(log, 1, 9).map(({ command }) => command)
  expect(kept).toEqual(['c1', 'c2'])
})

test('a fault lasts though the line that began it is gone, if nothing has ended it', () => {
  const window = windowOf(
    { event: 'fault', fault: { kind: 'crash', peer: 0 } },
    { event: 'fault', fault: { kind: 'crash', peer: 2 } },
    { event: 'fault', fault: { kind: 'restart', peer: 2 } },
  )
  overflow(window)
  const timeline = timelineOf(window)
  const isDown = (id: number) =>
    timeline.isCrashed(timeline.laneOfServer(id), timeline.rows - 1)
  expect([0, 1, 2].map(isDown)).toEqual([true, false, false])
})
