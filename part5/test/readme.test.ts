/** A new user's way: the lines of the README that start three servers, and use them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { freePorts } from 'tools/processes/ports'
import { expect, onTestFinished, test } from 'vitest'

const README = fileURLToPath(new URL('../README.md', import.meta.url))
const RAFT = fileURLToPath(new URL('../../raft.sh', import.meta.url))
const BLOCK = /<!-- not run: readme\.test\.ts .*-->\n```console\n([^`]*)```/g

/** A leader stays, however busy the machine is. */
const PATIENT = '--election-timeout 1500-3000'

const TIMEOUT_MS = 120_000

/** What is typed, and what is printed, of all blocks. */
function readBlocks(): { typed: string[]; printed: string[] } {
  const blocks = [...readFileSync(README, 'utf8').matchAll(BLOCK)]
  const lines = blocks.flatMap(([, block = '']) => block.trimEnd().split('\n'))
  const typed = lines.filter((line) => line.startsWith('$ '))
  const printed = lines.filter((line) => !line.startsWith('$ '))
  return { typed: typed.map((line) => line.slice(2)), printed }
}

/** The same lines for a cluster at other ports: nobody knows who has those. */
async function elsewhere(lines: readonly string[]): Promise<string> {
  const ports = await freePorts(6)
  const members = [0, 1, 2].map((id) => `${id}=127.0.0.1:${ports[id]}/${ports[3 + id]}`)
  const http = ports.slice(3)
  const servers = http.map((port) => `--server 127.0.0.1:${port}`).join(' ')
  return lines
    .map((line) =>
      line
        .replaceAll('./raft.sh', `'${RAFT}'`)
        .replace(' serve ', ` serve ${PATIENT} --cluster ${members.join(',')} `)
        // Longer than a reader waits: this machine may have other things to do.
        .replace('sleep 1', 'sleep 5')
        .replace(/ put .*$/, `$& --timeout 60 ${servers}`)
        .replaceAll(/:800([0-2])/g, (_, id) => `:${http[Number(id)]}`)
        .replaceAll(
          ':800$leader',
          `:$(( leader == 0 ? ${http[0]} : leader == 1 ? ${http[1]} : ${http[2]} ))`,
        ),
    )
    .join('\n')
}

/** As in the chapters, `…` stands for any text: what is expected, if the line is so. */
function expectedFor(line: string, expected = ''): string {
  const [before = '', after = ''] = expected.split('…')
  const isSo = expected.includes('…')
    ? line.startsWith(before) && line.endsWith(after)
    : line === expected
  return isSo ? expected : line
}

test(
  'three lines start three servers, which lose nothing when their leader is killed',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'raft readme '))
    const { typed, printed } = readBlocks()
    const shell = spawn('bash', ['-c', `${await elsewhere(typed)}\nkill $(jobs -p)`], {
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
  },
  TIMEOUT_MS,
)
