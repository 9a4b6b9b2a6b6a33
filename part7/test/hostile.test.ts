/** Messages of Raft that no server of ours would send: they end none, and take nothing back. */
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import fc from 'fast-check'
import { realClock, silentLogger } from 'tools/lab'
import { expect, test } from 'vitest'
import type { Configuration, Member } from '../src/configuration.ts'
import type { LogEntry } from '../src/raft.ts'
import { faultOfRequest } from '../src/refusals.ts'
import { Server } from '../src/server.ts'
import { KeyValueService } from '../src/service.ts'
import { toCommand } from '../src/sessions.ts'
import { MemoryStorage } from '../src/storage.ts'
import { MessageStream } from '../src/stream.ts'
import { membersOf } from './single.ts'

const PROTO_FILE = fileURLToPath(new URL('../raft.proto', import.meta.url))
const { Raft, Transport } = grpc.loadPackageDefinition(loadSync(PROTO_FILE))
  .raft as grpc.GrpcObject
const { service: methods } = Raft as grpc.ServiceClientConstructor
const TransportClient = Transport as grpc.ServiceClientConstructor

/** In ms; far above what anything here takes, however busy the machine is. */
const TIMEOUT_MS = 120_000
const RUNS = 100
const MESSAGES = 40
/** Entries that are committed before anything hostile comes. */
const KEPT = ['one', 'two', 'three']

/** A server that never stands for election, and somebody who speaks to it as server 1. */
class Target {
  readonly service = new KeyValueService({
    clock: realClock,
    consensus: () => this.server.consensus,
  })
  readonly server = new Server({
    id: 0,
    members: membersOf(3),
    raftAddressOf: (member) => member.address,
    clock: realClock,
    random: Math.random,
    logger: silentLogger,
    storage: new MemoryStorage(),
    apply: (entry) => this.service.apply(entry),
    stateMachine: this.service,
    timing: { electionTimeout: [2 * TIMEOUT_MS, 2 * TIMEOUT_MS] },
  })
  private readonly waiting = new Map<string, () => void>()
  private stream: MessageStream | null = null
  private client: grpc.Client | null = null
  private sent = 0

  async open(): Promise<void> {
    const address = await this.server.listen()
    this.server.start()
    const client = new TransportClient(address, grpc.credentials.createInsecure())
    const metadata = new grpc.Metadata()
    metadata.set('rpc-from', '1')
    metadata.set('rpc-to', '0')
    const duplex = client.Open?.(metadata)
    duplex.on('error', () => {})
    this.client = client
    this.stream = new MessageStream(duplex, realClock, ({ id }) =>
      this.waiting.get(id)?.(),
    )
    await this.ask('AppendEntries', {
      ...HEARTBEAT,
      entries: KEPT_ENTRIES,
      leaderCommit: 3,
    })
  }

  send(method: string, args: object): string {
    this.sent += 1
    const id = `1-${this.sent}`
    const bytes = methods[method]?.requestSerialize(args) as Buffer
    this.stream?.send({ id, method, bytes })
    return id
  }

  /** Waits for an answer, whatever it is. */
  ask(method: string, args: object): Promise<void> {
    const id = this.send(method, args)
    return new Promise((resolve) => this.waiting.set(id, resolve))
  }

  async close(): Promise<void> {
    this.client?.close()
    await this.server.stop()
  }
}

const HEARTBEAT = {
  term: 1,
  leaderId: 1,
  prevLogIndex: 0,
  prevLogTerm: 0,
  entries: [],
  leaderCommit: 0,
}

const KEPT_ENTRIES = KEPT.map((key) => ({
  term: 1,
  command: toCommand({ op: 'put', key, value: key, elapsed: 0 }),
}))

const small = { arbitrary: fc.nat(5), weight: 30 }
const large = fc.constantFrom(-1, 2 ** 31, 2 ** 32, 2 ** 52, 2 ** 53, 2 ** 63)
const number = fc.oneof(small, { arbitrary: large, weight: 3 })
/** Most are believed: a term that is over, or beyond all others, ends what can be tried. */
const term = fc.oneof({ arbitrary: fc.constant(2), weight: 60 }, number)
const sender = fc.constantFrom(1, 1, 1, 1, 2, 7)
const address = fc.oneof(fc.constant('127.0.0.1:1/2'), fc.string(), fc.constant('::/'))
const configuration = fc.record({
  members: fc.array(fc.record({ id: number, address }), { maxLength: 3 }),
  removed: fc.array(number, { maxLength: 3 }),
})
const placed = fc.record({ index: number, configuration }, { requiredKeys: [] })
const text = fc.oneof(fc.string(), fc.constantFrom('', '{"pair":{}}\n', '{'))
/** What cannot be read stops a server when it is applied: no leader could write it. */
const command = fc
  .string()
  .map((value) => toCommand({ op: 'put', key: 'x', value, elapsed: 0 }))
const entry = fc.record(
  { term: number, command, configuration },
  { requiredKeys: ['term'] },
)
const entries = fc.array(entry, { maxLength: 4 })

const position = { term, lastLogIndex: number, lastLogTerm: number }
const vote = fc.record({ ...position, candidateId: sender, isHandover: fc.boolean() })
const append = fc.record({
  term,
  leaderId: sender,
  prevLogIndex: number,
  prevLogTerm: number,
  entries,
  leaderCommit: number,
})
const install = fc
  .record(
    {
      term,
      leaderId: sender,
      lastIncludedIndex: number,
      lastIncludedTerm: number,
      placed,
      offset: number,
      data: text,
      done: fc.boolean(),
    },
    { requiredKeys: ['data'] },
  )
  .map((args) => ({ ...args, checksum: crc32(args.data) }))
const termOnly = fc.record({ term })

const message = fc.oneof(
  fc.tuple(fc.constantFrom('PreVote', 'RequestVote'), vote),
  fc.tuple(fc.constant('AppendEntries'), append),
  fc.tuple(fc.constant('InstallSnapshot'), install),
  fc.tuple(fc.constantFrom('ReadIndex', 'TimeoutNow'), termOnly),
)

test(
  'messages that no server of ours would send end none, and take nothing back',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: MESSAGES, maxLength: MESSAGES }),
        async (messages) => {
          const target = new Target()
          try {
            await target.open()
            for (const [method, args] of messages) target.send(method, args)
            await target.ask('AppendEntries', HEARTBEAT)
            const { consensus } = target.server
            expect(consensus.role).not.toBe('Dead')
            expect(consensus.currentTerm).toBeLessThan(2 ** 53)
            // A snapshot that can be read stands for them.
            if (consensus.base.index > 0) return
            expect(consensus.log.slice(0, KEPT.length)).toEqual(KEPT_ENTRIES)
          } finally {
            await target.close()
          }
        },
      ),
      { numRuns: RUNS, timeout: TIMEOUT_MS / 2 },
    )
  },
  TIMEOUT_MS,
)

test('what no leader can say is refused with a sentence', () => {
  const entry = { term: 1, command: 'x' }
  const other = { ...entry, term: 2 }
  const base = { index: 1, term: 1 }
  const held = { currentTerm: 3, commitIndex: 2, base, log: [entry] }
  const [first, second] = membersOf(2) as [Member, Member]
  const of = (...members: Member[]) => ({ members, removed: [] })
  const append = (...entries: LogEntry[]) => ({ ...HEARTBEAT, term: 3, entries })
  const changing = (configuration: Configuration) => append({ ...entry, configuration })
  const placed = (configuration: Configuration) => ({
    lastIncludedIndex: 1,
    placed: { index: 1, configuration },
  })
  const faults = [
    { ...append(), leaderId: 2 },
    append(entry, entry, other),
    append(entry, other),
    append(other),
    // It was deposed, and is to be told so.
    { ...append(entry, other), term: 2 },
    changing(of(first, second)),
    changing(of()),
    changing(of(first, first)),
    changing(of({ ...first, address: '' })),
    changing(of({ ...first, address: '/8000' })),
    changing(of(first, { ...second, address: 'server\n1' })),
    { lastIncludedIndex: 1 },
    placed(of()),
    placed(of(first)),
  ].map((args) => faultOfRequest(args, 1, held))
  expect(faults).toEqual([
    'it speaks for server 2, and is not of it',
    null,
    'its entry 2 is of term 2, and the one that is committed of 1',
    'its entry 1 is of term 2, and the one that is committed of 1',
    null,
    null,
    'there is nobody in its cluster',
    'a server is in its cluster twice',
    'server 0 of its cluster has no address',
    'server 0 of its cluster has no address',
    'server 1 of its cluster has no address',
    'it does not say who is in the cluster',
    'there is nobody in its cluster',
    null,
  ])
})
