/** `npm run chaos` among real processes: short, for each kind of network. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { findMistake, mistakeIn } from '../../src/parts/mistake.ts'
import { whyNone } from '../../src/processes/own-namespaces.ts'

const ROOT = join(import.meta.dirname, '../../..')
vi.setConfig({ testTimeout: 240_000 })

/** Null where they can be had. */
const noNamespaces = whyNone()

function start(file: string, ...args: readonly string[]) {
  const options = ['--import', 'tsx', join(ROOT, 'tools', file), ...args]
  const command = execa(process.execPath, options, { cwd: ROOT, reject: false })
  onTestFinished(async () => {
    command.kill('SIGKILL')
    await command
  })
  return command
}

function chaos(...args: readonly string[]) {
  // A busy machine must not be what breaks.
  const patient = ['--election-timeout', '500-1000']
  return start('src/chaos/cli.ts', '--no-open', '--json', ...patient, ...args)
}

/** Numbers of the processes that have this in their command line. */
function processesWith(word: string): number[] {
  const numbers = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return numbers.filter((pid) => commandLineOf(pid).includes(word)).map(Number)
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return '' // It has ended meanwhile.
  }
}

test('a few seconds of it, with relays between the servers, can be explained', async () => {
  const short = ['--minutes', '0.1', '--network', 'relays', '--seed', '901']
  const { exitCode, stdout, stderr } = await chaos('part6', ...short)
  expect(stderr).toBe('')
  const { done, ...round } = JSON.parse(stdout)
  expect(round).toMatchObject({ round: 1, verdict: 'linearizable', problem: null })
  expect(done).toBeGreaterThan(0)
  expect(exitCode).toBe(0)
})

test('so it can when servers come and go', async () => {
  // Of this seed's faults, some add a server, and some remove one.
  const short = ['--minutes', '0.2', '--network', 'relays', '--seed', '907']
  const { exitCode, stdout } = await chaos('part7', ...short)
  const { servers, ...round } = JSON.parse(stdout)
  expect(round).toMatchObject({ round: 1, verdict: 'linearizable', problem: null })
  expect(Math.max(...servers)).toBeGreaterThan(2)
  expect(exitCode).toBe(0)
})

test('a mistake of an earlier part is made in a later one, where its lines are', () => {
  const early = findMistake('reply-before-sync')
  expect(early.part).toBe('part3')
  expect(mistakeIn('part6', early)).toMatchObject({
    part: 'part6',
    path: 'part6/src/raft.ts',
  })
  const sentence = /is one of part5, and its lines are not in part4/
  const late = findMistake('sessions-at-the-leader')
  expect(() => mistakeIn('part4', late)).toThrow(sentence)
})

describe.skipIf(noNamespaces !== null)(
  'with a network namespace for each server',
  () => {
    test('a few seconds of it can be explained', async () => {
      const short = ['--minutes', '0.1', '--network', 'namespaces', '--seed', '902']
      const { exitCode, stdout } = await chaos('part6', ...short)
      const { done, ...round } = JSON.parse(stdout)
      expect(round).toMatchObject({ round: 1, verdict: 'linearizable', problem: null })
      expect(done).toBeGreaterThan(0)
      expect(exitCode).toBe(0)
    })

    test('cables, links one way, disks, clocks and cuts are as they are said to be', async () => {
      const { exitCode, stdout, stderr } = await start('test/chaos/machines.ts')
      expect(stderr).toBe('')
      expect(exitCode).toBe(0)
      const { hoursAhead = 2, ...seen } = JSON.parse(stdout)
      expect(seen).toEqual({
        isSilentWithoutCable: true,
        isHeardAgain: true,
        hearsOverTheCutLink: false,
        hearsTheOtherWay: true,
        hearsAfterwards: true,
        endsWithoutRoom: true,
        comesBackWithRoom: true,
        bridgeIsAsBefore: true,
        saysThatItIsCutOff: false,
        tellsOfThreads: true,
        isCutOff: false,
        deaths: [],
      })
      expect(hoursAhead).toBe(2)
    })

    test('kill -9 of the command leaves no process, no mount and no namespace', async () => {
      const folder = join(ROOT, 'timelines/chaos-killed')
      const command = chaos('part6', '--seed', '903', '--out-dir', folder)
      const mounts = () => readFileSync('/proc/mounts', 'utf8').includes('/run/disk-')
      // A server, and the command that runs within.
      const all = () => [...processesWith('/run/disk-'), ...processesWith(folder)]
      await expect.poll(() => all().length, { timeout: 60_000 }).toBeGreaterThan(4)
      expect(mounts()).toBe(false)
      command.kill('SIGKILL')
      await command
      await expect.poll(all, { timeout: 30_000 }).toEqual([])
      expect(mounts()).toBe(false)
    })
  },
)
