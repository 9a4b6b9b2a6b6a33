import { expect, test } from 'vitest'
import { areNear, parseMembers } from '../src/members.ts'

test('a cluster is its servers: id, host, Raft’s port, HTTP’s port', () => {
  expect(
    parseMembers('0=127.0.0.1:7000/8000,5=[::1]:7001/8001, 6=db-1.local:1/2'),
  ).toEqual([
    { id: 0, raft: '127.0.0.1:7000', http: '127.0.0.1:8000' },
    { id: 5, raft: '[::1]:7001', http: '[::1]:8001' },
    { id: 6, raft: 'db-1.local:1', http: 'db-1.local:2' },
  ])
})

test('what is no cluster is refused, with an example', () => {
  for (const text of [
    '',
    'here',
    '0=h:1',
    '0=h:0/1',
    '0=h:1/65536',
    '-1=h:1/2',
    '0=:1/2',
  ]) {
    expect(() => parseMembers(text)).toThrow('0=127.0.0.1:7000/8000')
  }
})

test('no two servers share an id or an address, nor Raft and HTTP a port', () => {
  expect(() => parseMembers('0=h:1/2,0=h:3/4')).toThrow('the cluster has 0 twice')
  expect(() => parseMembers('0=h:1/2,1=h:3/2')).toThrow('the cluster has h:2 twice')
  expect(() => parseMembers('0=h:1/1')).toThrow('the cluster has h:1 twice')
})

test('a cluster is near when nobody else can read what it says', () => {
  expect(areNear(parseMembers('0=127.0.0.1:1/2,1=localhost:3/4,2=[::1]:5/6'))).toBe(true)
  expect(areNear(parseMembers('0=127.0.0.1:1/2,1=10.0.0.1:3/4'))).toBe(false)
})
