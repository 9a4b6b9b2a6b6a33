/** Handing over, as far as no other server has a say in it: a leader in virtual time. */
import { silentLogger, VirtualClock } from 'tools/lab'
import { expect, test } from 'vitest'
import type { Outcome } from '../src/changes.ts'
import { ConsensusModule, type Peer } from '../src/raft.ts'
import { MemoryStorage } from '../src/storage.ts'
import { membersOf, stateless } from './single.ts'

const nothing = () => {}

/** Grants every vote, and has every entry; it does not stand for election. */
const follower = (id: number): Peer => ({
  id,
  preVote: ({ term }, onReply) => onReply({ term: term - 1, voteGranted: true }),
  requestVote: ({ term }, onReply) => onReply({ term, voteGranted: true }),
  appendEntries: ({ term }, onReply) => onReply({ term, success: true }),
  readIndex: nothing,
  installSnapshot: nothing,
  timeoutNow: nothing,
})

/** A leader of three servers, which hands over to the second; and what came of it. */
function handingOver() {
  const clock = new VirtualClock()
  const leader = new ConsensusModule({
    id: 0,
    members: membersOf(3),
    connect: (others) => others.map(({ id }) => follower(id)),
    clock,
    random: () => 0.5,
    logger: silentLogger,
    storage: new MemoryStorage(),
    apply: nothing,
    stateMachine: stateless,
  })
  leader.start()
  clock.advance(400)
  const outcomes: Outcome[] = []
  leader.changes.handOver(1, (outcome) => outcomes.push(outcome))
  return { clock, leader, outcomes }
}

test('a leader that hands over takes no command, and changes nothing', () => {
  const { leader } = handingOver()
  expect(leader.report().isLeader).toBe(true)
  expect(leader.submit('x')).toBeNull()
  const outcomes: Outcome[] = []
  leader.changes.request({ remove: 2 }, (outcome) => outcomes.push(outcome))
  const reason = 'leadership is handed over'
  expect(outcomes).toEqual([{ outcome: 'not done', reason }])
  leader.changes.handOver(7, (outcome) => outcomes.push(outcome))
  expect(outcomes).toHaveLength(2)
})

test('a leader that stops tells who waits for another one, and leaves no timer', () => {
  const { clock, leader, outcomes } = handingOver()
  leader.stop()
  expect(outcomes).toEqual([
    { outcome: 'unknown', reason: 'server 1 has not taken the lead in time' },
  ])
  expect(clock.step(Number.POSITIVE_INFINITY)).toBe(false)
})
