/** What a search must get to see of snapshots is counted where it happens, and not else. */
import { expect, test } from 'vitest'
import { part as part5 } from '../../../part5/test/lab.ts'
import { part as part6 } from '../../../part6/test/lab.ts'
import { CrashMoments } from '../../src/lab/crash-moments.ts'
import { PowerFailure } from '../../src/lab/machine.ts'
import type { Part } from '../../src/lab/part.ts'
import { takeVisits } from '../../src/lab/reached.ts'
import { Referee } from '../../src/lab/rules/referee.ts'
import { SIGHTS } from '../../src/lab/sights.ts'
import type { SnapshotsView, View } from '../../src/lab/view.ts'

const NONE: SnapshotsView = {
  lastIndex: 0,
  isTaking: false,
  isArriving: false,
  isSending: false,
}

function view(fields: Partial<View> = {}): View {
  return {
    term: 1,
    votedFor: null,
    role: 'Follower',
    commitIndex: 0,
    lastApplied: 0,
    firstIndex: 1,
    lastIndex: 0,
    entryAt: () => undefined,
    snapshots: NONE,
    ...fields,
  }
}

/** Those places about snapshots that were come to, in the words of the search's end. */
function reached(): string[] {
  const visits = Object.entries(takeVisits(part6 as unknown as Part))
  return visits.flatMap(([name, count]) =>
    count > 0 && name.includes('snapshot') ? name : [],
  )
}

function afterShowing(...views: View[]): string[] {
  reached()
  const referee = new Referee(SIGHTS)
  for (const each of views) referee.observe(0, each)
  return reached()
}

test('only of parts that have snapshots is it asked that they are seen', () => {
  const names = Object.keys(takeVisits(part5 as unknown as Part))
  expect(names).toContain('a split vote')
  expect(names.filter((name) => name.includes('snapshot'))).toEqual([])
})

test('entries are applied while a snapshot arrives', () => {
  const applyIn = (snapshots: SnapshotsView) => {
    new Referee(SIGHTS).applied(0, view({ snapshots }), {
      index: 1,
      term: 1,
      command: 'x',
    })
    return reached()
  }
  expect(applyIn(NONE)).toEqual([])
  expect(applyIn({ ...NONE, isArriving: true })).toEqual([
    'entries are applied while a snapshot arrives',
  ])
})

test('a snapshot is taken while another arrives', () => {
  const taking = { ...NONE, isTaking: true }
  const arriving = { ...NONE, isArriving: true }
  expect(
    afterShowing(view({ snapshots: taking }), view({ snapshots: arriving })),
  ).toEqual([])
  expect(afterShowing(view({ snapshots: { ...taking, isArriving: true } }))).toEqual([
    'a snapshot is taken while another arrives',
  ])
})

test('a leader is deposed that sends a snapshot', () => {
  const sends = view({ role: 'Leader', snapshots: { ...NONE, isSending: true } })
  const follows = view({ term: 2 })
  expect(afterShowing(view({ role: 'Leader' }), follows)).toEqual([])
  expect(afterShowing(sends, view({ role: 'Leader' }), follows)).toEqual([])
  expect(afterShowing(sends, follows)).toEqual([
    'a leader is deposed that sends a snapshot',
  ])
})

test('power is lost between a durable snapshot and the log that follows on it', () => {
  const losePowerAt = (done: string | null) => {
    reached()
    const crashes = new CrashMoments(() => {})
    crashes.arm(0, view(), { on: 'write', count: 0 }, () => {})
    expect(() => crashes.atWrite(0, done)).toThrow(PowerFailure)
    return reached()
  }
  expect(losePowerAt(null)).toEqual([])
  expect(losePowerAt('sync')).toEqual([])
  expect(losePowerAt('end')).toEqual([
    'power is lost when a snapshot is durable, before the log that follows on it',
  ])
})
