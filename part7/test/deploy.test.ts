/** What stands in deploy/ fits what the servers are and say. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { areNear, parseMembers } from '../src/members.ts'
import { createMetrics } from '../src/metrics.ts'
import { Single } from './single.ts'

const FOLDER = join(import.meta.dirname, '../../deploy')

function textOf(name: string): string {
  return readFileSync(join(FOLDER, name), 'utf8')
}

test.each(['compose.yaml', 'kubernetes.yaml'])(
  'the servers of %s are told of each other, and that others can read along',
  (name) => {
    const text = textOf(name)
    const lists = [...text.matchAll(/--cluster (\S+)/g)].map(([, list = '']) => list)
    expect(new Set(lists).size).toBe(1)
    const members = parseMembers(lists[0] ?? '')
    expect(members.map(({ id }) => id)).toEqual([0, 1, 2])
    expect(areNear(members)).toBe(false)
    const serves = text.match(/serve\b/g)?.length
    expect(text.match(/--insecure/g)).toHaveLength(serves ?? 0)
  },
)

test('the board asks for what a server has', async () => {
  const { service, consensus, clock } = new Single()
  const metrics = createMetrics({
    service,
    report: () => consensus.report(),
    members: () => consensus.configurations.members.length,
    now: () => clock.now(),
  })
  metrics.start('get')('done')
  const said = await (await metrics.respond()).text()
  const board = JSON.parse(textOf('grafana/board.json')) as {
    panels: { targets: { expr: string }[] }[]
  }
  const asked = board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
  const names = asked.flatMap(
    (expr) => expr.match(/\b(raft|kv|process|nodejs)_\w+/g) ?? [],
  )
  expect(names.length).toBeGreaterThan(10)
  for (const name of names) expect(said).toContain(`\n${name}`)
})
