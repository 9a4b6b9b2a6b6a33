import { expect, test } from 'vitest'
import { readSettings } from '../src/harness/settings.ts'

test('without variables, or with empty ones, tests run silently in virtual time', () => {
  const defaults = {
    seed: null,
    seeds: 10,
    network: 'simulated',
    logFile: null,
    unreliableRpc: false,
    forceMoreReelections: false,
  }
  expect(readSettings({})).toEqual(defaults)
  const empty = { RAFT_SEED: '', RAFT_SEEDS: '', RAFT_NETWORK: '', RAFT_LOG: '' }
  expect(readSettings(empty)).toEqual(defaults)
})

test('every variable is read', () => {
  expect(
    readSettings({
      RAFT_SEED: '0',
      RAFT_SEEDS: '1000',
      RAFT_NETWORK: 'grpc',
      RAFT_LOG: '/tmp/a log',
      RAFT_UNRELIABLE_RPC: '1',
      RAFT_FORCE_MORE_REELECTION: 'yes',
    }),
  ).toEqual({
    seed: 0,
    seeds: 1000,
    network: 'grpc',
    logFile: '/tmp/a log',
    unreliableRpc: true,
    forceMoreReelections: true,
  })
  expect(readSettings({ RAFT_SEED: '4294967295' }).seed).toBe(4294967295)
})

test.each([
  ['RAFT_SEED', 'seven', 'a whole number from 0 to 4294967295'],
  ['RAFT_SEED', '-1', 'a whole number from 0 to 4294967295'],
  ['RAFT_SEED', '4294967296', 'a whole number from 0 to 4294967295'],
  ['RAFT_SEED', '1.5', 'a whole number'],
  ['RAFT_SEED', '1e3', 'a whole number'],
  ['RAFT_SEED', ' 7', 'a whole number'],
  ['RAFT_SEEDS', '0', 'a whole number from 1 to 4294967295'],
  ['RAFT_NETWORK', 'tcp', '"simulated" or "grpc"'],
])('%s=%s is an error that says what it can be', (name, value, what) => {
  expect(() => readSettings({ [name]: value })).toThrow(
    `${name} is "${value}"; it can be`,
  )
  expect(() => readSettings({ [name]: value })).toThrow(what)
})
