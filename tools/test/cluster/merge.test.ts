import { expect, test } from 'vitest'
import { Merge } from '../../src/processes/merge.ts'

/** Lines come out when they have waited for so long, in ms. */
const LONG = 1_000

/** What comes out of a merge of these lines, each from a source, in the order of arrival. */
function merged(...lines: readonly (readonly [source: string, fields: object])[]) {
  const out: string[] = []
  const merge = new Merge(({ event }) => out.push(event.msg))
  for (const [source, fields] of lines) {
    merge.add(source, Buffer.from(JSON.stringify({ test: 'a', ...fields })), 0)
  }
  merge.flush(LONG)
  return out
}

function message(event: string, msg: string, time: number, kind = 'request') {
  const rpc = { id: '0-1', method: 'RequestVote', kind, from: 0, to: 1, args: {} }
  return { event, msg, time, rpc }
}

test('lines of several processes go by time', () => {
  const out = merged(
    ['0', { time: 1, msg: 'a' }],
    ['0', { time: 4, msg: 'd' }],
    ['1', { time: 2, msg: 'b' }],
    ['2', { time: 3, msg: 'c' }],
  )
  expect(out).toEqual(['a', 'b', 'c', 'd'])
})

test('nothing arrives before it was sent, though the clocks say so', () => {
  const out = merged(
    ['1', message('receive', 'arrives', 5)],
    ['1', { time: 6, msg: 'then' }],
    ['0', { time: 7, msg: 'before' }],
    ['0', message('send', 'is sent', 8)],
  )
  expect(out).toEqual(['before', 'is sent', 'arrives', 'then'])
})

test('a request that was sent does not keep its answer waiting for another', () => {
  const out = merged(
    ['0', message('send', 'asks', 1)],
    ['0', message('receive', 'hears', 2, 'reply')],
    ['1', message('receive', 'is asked', 3)],
    ['1', message('send', 'answers', 4, 'reply')],
  )
  expect(out).toEqual(['asks', 'is asked', 'answers', 'hears'])
})

test('what arrives though nobody is known to have sent it is no riddle', () => {
  expect(merged(['1', message('receive', 'arrives', 1)])).toEqual(['arrives'])
})

test('a line waits for those of others that are late', () => {
  const out: string[] = []
  const merge = new Merge(({ event }) => out.push(event.msg))
  const add = (source: string, time: number, now: number) => {
    const line = JSON.stringify({ test: 'a', time, msg: String(time) })
    merge.add(source, Buffer.from(line), now)
  }
  add('0', 2, 100)
  merge.flush(150)
  expect(out).toEqual([])
  add('1', 1, 160)
  merge.flush(300)
  expect(out).toEqual(['1', '2'])
})
