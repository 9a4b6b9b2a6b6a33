import { stripVTControlCharacters } from 'node:util'
import { expect, test, vi } from 'vitest'
import { showsColor } from '../src/cli/print.ts'
import { linePrinter } from '../src/dotest/print.ts'
import type { TestLogLine } from '../src/testlog/event.ts'
import { prettyLine } from '../src/testlog/pretty.ts'

const LINE: TestLogLine = {
  time: 1193.278,
  test: 'a test',
  event: 'role',
  server: 1,
  term: 12,
  role: 'Candidate',
  state: { votedFor: 1 },
  msg: 'becomes Candidate in term 12',
}

const rpc = (args: object): Partial<TestLogLine> => ({
  event: 'send',
  msg: 'sends AppendEntries to 2',
  rpc: {
    id: '1',
    method: 'AppendEntries',
    kind: 'request',
    from: 1,
    to: 2,
    args: args as Record<string, unknown>,
  },
})

test('a line tells the time, the server, its role and term, and what happened', () => {
  expect(prettyLine(LINE)).toBe(
    '   1193.278  1       Candidate t12   becomes Candidate in term 12  votedFor=1',
  )
})

test.each([
  ...['no JSON', '7', 'null', '[]', '{}', '{"time":1}', '{"time":"1","msg":"m"}'],
  ...[
    '{"time":1,"msg":"m","rpc":{}}',
    '{"time":1,"msg":"m","rpc":{"method":"a","args":null}}',
  ],
  '{"time":1,"msg":"m","rpc":7}',
])('a line that is none is shown as it is: %s', (text) => {
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  try {
    for (const isVerbose of [true, false]) linePrinter(isVerbose)(text)
    expect(written.mock.calls.map(([said]) => said)).toEqual([`${text}\n`, `${text}\n`])
  } finally {
    written.mockRestore()
  }
})

test('the time counts from the start of the test', () => {
  const line = { ...LINE, time: 1_700_000_000_123.25 }
  expect(prettyLine(line, { startTime: 1_700_000_000_000 })).toMatch(
    /^ {4}123\.250 {2}1/,
  )
})

test('the harness’s own lines stand in the column of the test', () => {
  const line: TestLogLine = { time: 0, test: 'a', event: 'fault', msg: 'a link is cut' }
  expect(prettyLine(line)).toBe(`      0.000  TEST                    a link is cut`)
})

test('an RPC shows its arguments in short form', () => {
  expect(prettyLine({ ...LINE, ...rpc({ term: 12, leaderId: 1 }) })).toMatch(
    / {2}sends AppendEntries to 2 {2}term=12 leaderId=1$/,
  )
  const entries = [1, 2, 3, 4, 5].map((n) => ({ term: n, command: `set ${n}` }))
  expect(prettyLine({ ...LINE, ...rpc({ entries }) })).toMatch(
    / {2}entries=\[1:"set 1", 2:"set 2", 3:"set 3", … 2 more\]$/,
  )
  expect(prettyLine({ ...LINE, ...rpc({ entries: [] }) })).toMatch(/ {2}entries=\[\]$/)
  const long = prettyLine({ ...LINE, ...rpc({ blob: 'x'.repeat(10_000) }) })
  expect(long.length).toBeLessThan(200)
  expect(long).toContain('…')
})

test('a kind that nobody knows shows its word and the fields of its own', () => {
  const line = { ...LINE, event: 'lease', msg: 'takes one', until: 40 }
  expect(prettyLine(line)).toMatch(/ {2}\[lease\] takes one {2}until=40$/)
})

test('an event is one line, whatever it holds, and does not command the terminal', () => {
  const evil = '\u001b[2Ja\nb\r\nc\u0007\u009b'
  const text = prettyLine({ ...LINE, msg: evil, ...rpc({ [evil]: evil }) })
  expect(text).not.toMatch(/\p{Cc}/u)
  expect(prettyLine({ ...LINE, msg: evil })).toContain('a ⏎ b ⏎ c')
})

test('colours tell the roles apart, and without them the text is the same', () => {
  const roles = ['Follower', 'Candidate', 'Leader', 'Dead'] as const
  const painted = roles.map((role) => prettyLine({ ...LINE, role }, { color: true }))
  const codes = painted.map((text) => text.match(/\p{Cc}\[\d+m(?=(Fo|Ca|Le|De))/u)?.[0])
  expect(new Set(codes).size).toBe(4)
  expect(codes).not.toContain(undefined)
  expect(stripVTControlCharacters(prettyLine(LINE, { color: true }))).toBe(
    prettyLine(LINE),
  )
})

test('colours are for terminals that want them', () => {
  const terminal = { isTTY: true }
  expect(showsColor(terminal, {})).toBe(true)
  expect(showsColor(terminal, { NO_COLOR: '1' })).toBe(false)
  expect(showsColor(terminal, { NO_COLOR: '' })).toBe(true)
  expect(showsColor(terminal, { TERM: 'dumb' })).toBe(false)
  expect(showsColor({}, {})).toBe(false)
  expect(showsColor({}, { FORCE_COLOR: '1' })).toBe(true)
  expect(showsColor({}, { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(false)
})

test('of an entry that changes the cluster it tells who is in it then', () => {
  const configuration = { members: [{ id: 0 }, { id: 2 }], removed: [1] }
  const entries = [{ term: 1, command: null, configuration }]
  expect(prettyLine({ ...LINE, ...rpc({ entries }) })).toContain(
    'entries=[1:members 0, 2]',
  )
})
