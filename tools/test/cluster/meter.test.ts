import { expect, test } from 'vitest'
import { Meter } from '../../src/cluster/meter.ts'

/** As a server answers GET /metrics, after so many operations of which `fast` took 1 ms. */
function metrics(done: number, fast: number): string {
  return [
    `kv_operations_total{op="put",outcome="done"} ${done}`,
    'kv_operations_total{op="put",outcome="not done"} 7',
    'kv_operations_total{op="get",outcome="unknown"} 1',
    `kv_operation_duration_seconds_bucket{le="0.001",op="put"} ${fast}`,
    `kv_operation_duration_seconds_bucket{le="0.1",op="put"} ${done}`,
    `kv_operation_duration_seconds_bucket{le="+Inf",op="put"} ${done}`,
    '',
  ].join('\n')
}

function after(...texts: readonly string[]) {
  const meter = new Meter()
  for (const text of texts) meter.add(new Map([[0, text]]))
  return meter.seconds.at(-1)
}

test('what was done before it was first asked is nobody’s second', () => {
  expect(after(metrics(10, 10))).toEqual({
    done: 0,
    unknown: 0,
    median: null,
    p99: null,
  })
})

test('a second has what was done since the one before', () => {
  const second = after(metrics(10, 10), metrics(110, 100))
  expect(second).toMatchObject({ done: 100, unknown: 0 })
  expect(second?.median).toBeLessThan(1)
  expect(second?.p99).toBeGreaterThan(50)
})

test('a server that was restarted counts from 0 again', () => {
  expect(after(metrics(10, 10), metrics(4, 4))).toMatchObject({ done: 4 })
})
