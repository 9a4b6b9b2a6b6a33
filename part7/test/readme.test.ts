/** A new user's way: the lines of a text that start three servers, and use them. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { freePorts } from 'tools/processes/ports'
import { expect, onTestFinished, test } from 'vitest'

const README = fileURLToPath(new URL('../README.md', import.meta.url))
const RUNNING = fileURLToPath(new URL('../../docs/running.md', import.meta.url))
const RAFT = fileURLToPath(new URL('../../raft.sh', import.meta.url))
const BLOCK = /<!-- not run: readme\.test\.ts .*-->\n```console\n([^`]*)```/g

/** A leader stays, however busy the machine is. */
const PATIENT = '--election-timeout 1500-3000'

const TIMEOUT_MS = 480_000

/** What is typed, and what is printed, of all blocks. */
function readBlocks(file: string): { typed: string[]; printed: string[] } {
  const blocks = [...readFileSync(file, 'utf8').matchAll(BLOCK)]
  const lines = blocks.flatMap(([, block = '']) => block.trimEnd().split('\n'))
  // Below a line that is not at its end, there are more.
  const isTyped = (line: string) => /^(\$| ) /.test(line)
  const typed = lines.filter(isTyped).map((line) => line.slice(2))
  return { typed, printed: lines.filter((line) => !isTyped(line)) }
}

/** The same lines for a cluster at other ports: nobody knows who has those. */
function elsewhere(lines: readonly string[], ports: readonly number[]): string[] {
  const raft = ports.slice(0, 4)
  const http = ports.slice(4)
  const members = [0, 1, 2].map((id) => `${id}=127.0.0.1:${raft[id]}/${http[id]}`)
  return lines.map((line) =>
    line
      // Longer than a reader waits: this machine may have other things to do.
      .replace(/part7 (?!serve)[a-z-]+/, '$& --timeout 100')
      .replace(/\.?\.\/raft\.sh/, `'${RAFT}'`)
      .replace(' serve ', ` serve ${PATIENT} `)
      .replace(/ --id ([0-2]|\$id) /, `$&--cluster ${members.join(',')} `)
      .replaceAll(/:700([0-3])/g, (_, id) => `:${raft[Number(id)]}`)
      .replaceAll(/([:/])800([0-3])/g, (_, before, id) => before + http[Number(id)]),
  )
}

/** As in the chapters, `…` stands for any text: what is expected, if the line is so. */
function expectedFor(line: string, expected = ''): string {
  const [before = '', after = ''] = expected.split('…')
  const isSo = expected.includes('…')
    ? line.startsWith(before) && line.endsWith(after)
    : line === expected
  return isSo ? expected : line
}

/** Types the lines of a text in a folder of their own, and compares what is printed. */
async function follow(file: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'raft readme '))
  const blocks = readBlocks(file)
  const ports = await freePorts(8)
  const printed = elsewhere(blocks.printed, ports)
  const typed = elsewhere(blocks.typed, ports).join('\n')
  const shell = spawn('bash', ['-c', `${typed}\nkill $(jobs -p)`], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => {
    try {
      // All that it started, whatever became of it.
      process.kill(-(shell.pid as number), 'SIGKILL')
    } catch {}
    rmSync(folder, { recursive: true })
  })
  const ended = once(shell, 'exit')
  const output = await text(shell.stdout)
  await ended
  const lines = output.trimEnd().split('\n')
  expect(lines.map((line, i) => expectedFor(line, printed[i]))).toEqual(printed)
}

test(
  'three lines start three servers; a fourth joins, one is removed, one hands over',
  () => follow(README),
  TIMEOUT_MS,
)

const hasTools = ['openssl', 'curl'].every((tool) => !spawnSync(tool, ['--help']).error)

test.skipIf(!hasTools)(
  'certificates are made by hand, three servers know each other by them, and get new ones',
  () => follow(RUNNING),
  TIMEOUT_MS,
)
