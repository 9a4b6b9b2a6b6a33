import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { writeTimelines } from '../../src/viz/index.ts'
import { folder, input, logOf, pageOf, readPage, write } from './logs.ts'

const start = { event: 'test-start', servers: 3, seed: 4, part: 'part1' }
const end = { event: 'test-end', status: 'pass', durationMs: 3 }

describe('a test log', () => {
  test('a line belongs to the test it names, wherever it stands', async () => {
    const log = logOf(
      { test: 'one', ...start },
      { test: 'two', ...start },
      { test: 'one', server: 0, event: 'note', msg: 'of one' },
      { test: 'two', ...end },
      { test: 'one', ...end },
    )
    const { pages, index } = await write(log)
    expect(pages.map(({ test, events }) => [test, events])).toEqual([
      ['one', 3],
      ['two', 2],
    ])
    expect(index).toMatch(/index\.html$/)
  })

  test('each run of a test that runs several times gets a page', async () => {
    const log = logOf(start, end, start, { ...end, status: 'fail' })
    const { pages } = await write(log)
    expect(pages.map(({ status }) => status)).toEqual(['pass', 'fail'])
    expect(new Set(pages.map(({ file }) => file)).size).toBe(2)
  })

  test('lines that are no events are skipped and counted', async () => {
    const noise = [
      '',
      'npm warn something',
      '{"half":',
      '{"time":1}',
      '[1]',
      'null',
    ].join('\n')
    const { skipped, pages } = await write(`${noise}\n${logOf(start, end)}`)
    expect(skipped).toBe(5)
    const { timeline } = await readPage(pages[0]?.file ?? '')
    expect(timeline.header.skipped).toBe(5)
    expect(timeline.rows).toBe(2)
  })

  test('a run that is cut off in the middle of a line is shown up to there', async () => {
    const log = logOf(start, { server: 1, event: 'role', role: 'Leader', term: 1 }, end)
    const { pages, skipped } = await write(log.slice(0, -20))
    expect(pages[0]).toMatchObject({ status: 'unfinished', events: 2, leaderChanges: 1 })
    expect(skipped).toBe(1)
  })

  test('fields that are not what they should be are left out, and the line is shown', async () => {
    const bad = {
      server: 1,
      event: 'send',
      term: 'high',
      role: 'Emperor',
      rpc: { id: 1, from: 'x' },
      state: [1],
      fault: { kind: 'partition', groups: 4 },
      entries: [{ index: -1 }],
      msg: 'still here',
    }
    const { timeline } = await pageOf(
      logOf(start, bad, { event: 'no such', msg: 7 }, end),
    )
    expect(timeline.rows).toBe(4)
    expect(timeline.texts.get(timeline.text[1] ?? 0)).toBe('still here')
    expect(timeline.snapshot(2, 1)).toEqual({ role: 0, term: 0, state: {}, log: 0 })
  })

  test('a line of 10 MB, and one of nothing but null bytes, are read like any other', async () => {
    const long = 'x'.repeat(10_000_000)
    const log = `${logOf(start, { msg: long, server: 0 })}\0\0\0\n${logOf(end)}`
    const { pages, skipped } = await write(log)
    const { timeline, raw } = await readPage(pages[0]?.file ?? '')
    expect([timeline.rows, skipped]).toEqual([3, 1])
    expect(JSON.parse(await raw.line(1)).msg).toBe(long)
    expect(JSON.parse(await raw.line(2)).status).toBe('pass')
  })

  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const sent = { id: '1', method: 'Ping', kind: 'request', from: 0, to: 1 }

  test.each([
    ['is no JSON', '{"half":'],
    ['is no JSON', '{"time":NaN,"test":"a test","msg":""}'],
    ['names no test', '{"time":1}'],
    ['has no time', '{"test":"a test","time":"1"}'],
    ['has no time', `{"test":"a test","time":${'9'.repeat(1_000_000)}}`],
    ['has more than 500 brackets in each other', `{"x":${nested(100_000)}}`],
    ['is longer than 16 MiB', `{"x":"${'x'.repeat(17_000_000)}"}`],
  ])('a line that %s is left out, and told with its number', async (reason, line) => {
    const { skipped, problems } = await write(`${logOf(start)}${line}\n${logOf(end)}`)
    expect(skipped).toBe(1)
    expect(problems).toEqual([`The log: line 2 ${reason} and is left out`])
  })

  test('of many such lines the first is told', async () => {
    const { problems } = await write(`${logOf(start)}{"a\n{}\n{"b\nnoise\n${logOf(end)}`)
    expect(problems).toEqual([
      'The log: line 2 is no JSON and is left out, with 1 more like it',
      'The log: line 3 names no test and is left out',
    ])
  })

  test.each([
    ['entries that are none', { rpc: { ...sent, args: { entries: [null, 1, []] } } }],
    ['brackets in brackets', { rpc: { ...sent, args: { x: JSON.parse(nested(400)) } } }],
    ['an index beyond 32 bits', { entries: [{ index: 2 ** 40, term: 1, command: 1 }] }],
    ['a server beyond 32 bits', { server: 2 ** 31 }],
    ['groups of no servers', { fault: { kind: 'partition', groups: [[null], ['x']] } }],
    ['a rate that is none', { fault: { kind: 'clock', peer: 0, rate: {} } }],
    ['a time before all others', { time: -1e308 }],
    [
      '200,000 fields',
      Object.fromEntries(Array.from({ length: 2e5 }, (_, i) => [i, 1])),
    ],
  ])('a line with %s is shown', async (_what, fields) => {
    const log = logOf(start, { event: 'send', server: 1, msg: 'here', ...fields }, end)
    const { timeline } = await pageOf(log)
    expect(timeline.rows).toBe(3)
    expect(timeline.texts.get(timeline.text[1] ?? 0)).toContain('here')
  })

  test.each(['utf16le', 'a mark and utf16le', 'utf16be'])(
    'it may be in %s',
    async (code) => {
      const mark = code.startsWith('a mark') ? '\ufeff' : ''
      const bytes = Buffer.from(
        mark + logOf(start, { msg: 'naïve → ü' }, end),
        'utf16le',
      )
      if (code === 'utf16be') bytes.swap16()
      const { timeline } = await pageOf(bytes)
      expect(timeline.rows).toBe(3)
      expect(timeline.texts.get(timeline.text[1] ?? 0)).toBe('naïve → ü')
    },
  )

  test('a line is whole however the bytes come, with line ends of any kind', async () => {
    const log = Buffer.from(
      `\uFEFF${logOf(start, { msg: 'naïve → ü', server: 2 }, end)}`.replaceAll(
        '\n',
        '\r\n',
      ),
    )
    const stream = (async function* () {
      for (let i = 0; i < log.length; i += 7) yield log.subarray(i, i + 7)
    })()
    const inputs = [{ name: 'bytes', stream }]
    const { pages, skipped } = await writeTimelines({ inputs, outDir: folder() })
    const { timeline } = await readPage(pages[0]?.file ?? '')
    expect([timeline.rows, skipped]).toEqual([3, 0])
    expect(timeline.texts.get(timeline.text[1] ?? 0)).toBe('naïve → ü')
  })

  test('a server that the test does not have gets a column; thousands of them do not', async () => {
    const strange = { server: 7, event: 'note', msg: 'late' }
    const { timeline } = await pageOf(logOf(start, strange, end))
    expect(timeline.header.lanes.map(({ label }) => label)).toEqual([
      'TEST',
      '0',
      '1',
      '2',
      '7',
    ])
    const many = Array.from({ length: 3000 }, (_, server) => ({
      server,
      msg: 'me, too',
    }))
    const crowd = await pageOf(logOf(...many))
    expect(crowd.timeline.header.lanes.length).toBeLessThan(100)
    expect(crowd.timeline.rows).toBe(3000)
  })
})

describe('files', () => {
  test('a test’s name is never a path, and two never share a file', async () => {
    const names = ['../../tmp/x', '/etc/passwd', 'tmp x', 'index', 'CON', '選挙', '票']
    const log = logOf(...names.map((test) => ({ test, ...end })))
    const outDir = join(folder(), 'pages')
    const { pages } = await write(log, { outDir })
    const files = readdirSync(outDir).sort()
    expect(files).toHaveLength(names.length + 1)
    expect(pages.every(({ file }) => dirname(file) === outDir)).toBe(true)
    expect(pages[0]?.file).toBe(join(outDir, 'tmp-x.html'))
    expect(existsSync(join(outDir, '../x.html'))).toBe(false)
  })

  test('a suffix keeps the runs of several seeds apart', async () => {
    const outDir = folder()
    await write(logOf(start, end), { outDir, suffix: 'seed 1' })
    await write(logOf(start, end), { outDir, suffix: 'seed 2' })
    expect(readdirSync(outDir).sort()).toEqual([
      'a-test-seed-1.html',
      'a-test-seed-2.html',
    ])
  })

  test('only the tests that the pattern matches are written', async () => {
    const log = logOf({ test: 'comes back', ...end }, { test: 'goes', ...end })
    const { pages, index } = await write(log, { testPattern: 'back' })
    expect(pages.map(({ test }) => test)).toEqual(['comes back'])
    expect(index).toBeUndefined()
  })

  test.each([
    ['is empty', ''],
    ['has no event', 'hello\nthere\n'],
    ['has no event', Buffer.from([0, 1, 2, 255, 254, 10, 0, 0])],
  ])('an input that %s is refused in one sentence', async (reason, text) => {
    await expect(write(text)).rejects.toThrow(`The log ${reason}`)
  })

  test('an input that fails on the way is shown up to there', async () => {
    const outDir = folder()
    const stream = (async function* () {
      yield Buffer.from(logOf(start, end))
      throw Object.assign(new Error('EIO: i/o error, read'), { syscall: 'read' })
    })()
    const failing = { name: 'The disk', stream }
    const failure = writeTimelines({ inputs: [failing], outDir })
    await expect(failure).rejects.toThrow('The disk cannot be read further: EIO')
    expect(readdirSync(outDir)).toEqual(['a-test.html'])
  })

  test('a device is refused: it may have no end', async () => {
    const failure = writeTimelines({ inputs: ['/dev/zero'], outDir: folder() })
    await expect(failure).rejects.toThrow('/dev/zero is a device, not a test log')
  })

  test('a page that cannot be written keeps no other from it, and leaves nothing', async () => {
    const outDir = folder()
    mkdirSync(join(outDir, 'two.html/full'), { recursive: true })
    const log = logOf(...['one', 'two', 'three'].map((test) => ({ test, ...end })))
    await expect(write(log, { outDir })).rejects.toThrow(/two\.html cannot be written: /)
    expect(readdirSync(outDir).sort()).toEqual([
      ...['index.html', 'one.html', 'three.html', 'two.html'],
    ])
  })

  test('the pages of more than 100 tests share their script and style', async () => {
    const outDir = folder()
    const tests = Array.from({ length: 300 }, (_, i) => ({ test: `test ${i}`, ...end }))
    const { pages } = await write(logOf(...tests), { outDir })
    expect(pages.map(({ test }) => test)).toEqual(tests.map(({ test }) => test))
    const names = readdirSync(outDir)
    expect(names.filter((name) => name.endsWith('.html'))).toHaveLength(301)
    expect(names.filter((name) => !name.endsWith('.html'))).toHaveLength(2)
    expect(statSync(pages[0]?.file ?? '').size).toBeLessThan(4_000)
    const { timeline } = await readPage(pages[299]?.file ?? '')
    expect(timeline.rows).toBe(1)
  })

  test('one bad input among several keeps none of the others from being written', async () => {
    const outDir = folder()
    const inputs = [input(''), input(logOf(start, end)), join(outDir, 'no such file')]
    const failure = await writeTimelines({ inputs, outDir }).catch((error) => error)
    expect(failure.message).toContain('is empty')
    expect(failure.message).toContain('no such file does not exist')
    expect(readdirSync(outDir)).toEqual(['a-test.html'])
  })
})
