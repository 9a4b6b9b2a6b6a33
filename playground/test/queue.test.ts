/** Whatever is pressed while a run is rebuilt waits for its turn. */
import { expect, test } from 'vitest'
import { Queue } from '../src/view/queue.ts'

test('one thing is done after the other, also after one that failed', async () => {
  const queue = new Queue()
  const told: string[] = []
  const slow = queue.add(async () => {
    await new Promise((resolve) => setImmediate(resolve))
    told.push('slow')
    throw new Error('no')
  })
  const quick = queue.add(() => void told.push('quick'))
  expect(queue.isBusy).toBe(true)
  await expect(slow).rejects.toThrow('no')
  await quick
  expect(told).toEqual(['slow', 'quick'])
  expect(queue.isBusy).toBe(false)
})

test('of the times that a slider passes over, the last one counts', async () => {
  const queue = new Queue()
  const times: number[] = []
  const go = async (time: number) => void times.push(time)
  for (const time of [1, 2, 3]) queue.slide(time, go)
  await queue.add(() => {})
  queue.slide(4, go)
  await queue.add(() => {})
  expect(times).toEqual([3, 4])
})
