/** What is drawn to be done to a cluster. */
import { expect, test } from 'vitest'
import { drawFaults } from '../../src/chaos/faults.ts'
import { randomStreams } from '../../src/lab/random.ts'

const AN_HOUR = 3_600_000
const THREE = { servers: 3, machines: null, hasMembers: false }

test('a server alone has no link that could be cut or slow', () => {
  const kinds = drawFaults(randomStreams(1)(), { ...THREE, servers: 1 }, AN_HOUR).map(
    ({ kind }) => kind,
  )
  expect(kinds).toContain('kill')
  expect(kinds.filter((kind) => /link|heard|partition/.test(kind))).toEqual([])
})

test('a seed decides what is done, when and to whom', () => {
  const draw = (seed: number) => drawFaults(randomStreams(seed)(), THREE, AN_HOUR)
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
})

test('what takes a machine of its own is drawn where there is one', () => {
  const kinds = (machines: { hasClocks: boolean; hasNetem: boolean } | null) =>
    new Set(
      drawFaults(randomStreams(1)(), { ...THREE, machines }, AN_HOUR).map(
        ({ kind }) => kind as string,
      ),
    )
  const machines = { hasClocks: false, hasNetem: false }
  expect(kinds(null)).not.toContain('full disk')
  expect(kinds(machines)).toContain('full disk')
  expect(kinds(machines)).not.toContain('wrong clock')
  expect(kinds({ ...machines, hasClocks: true })).toContain('wrong clock')
  expect(kinds({ ...machines, hasNetem: true })).toContain('unruly cable')
})

test('servers come and go where the cluster can change', () => {
  const kinds = (hasMembers: boolean) =>
    drawFaults(randomStreams(1)(), { ...THREE, hasMembers }, AN_HOUR).map(
      ({ kind }) => kind as string,
    )
  for (const kind of ['add server', 'remove server', 'hand over']) {
    expect(kinds(false)).not.toContain(kind)
    expect(kinds(true)).toContain(kind)
  }
})
