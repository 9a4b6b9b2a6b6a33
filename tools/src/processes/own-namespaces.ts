/**
 * Runs this very command once more, in namespaces of its own: processes, mounts and a network
 * that nobody else sees, and that the kernel takes down when the command ends, kill -9
 * included. So there is nothing that could be left behind.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { atEnd, temporaryFolder } from '../cli/ending.ts'
import { guard } from './guard.ts'

const UNSHARE = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']

/** Names the folder for the temporary files of the command within, which is killed. */
const FOLDER = 'RAFT_OWN_NAMESPACES'

/** All that is needed of the kernel and of programs, tried where it does no harm. */
const TRIAL = `
set -e
mount -t tmpfs tmpfs /run
ip link add trial type bridge
ip netns add trial
ip link add near type veth peer name far netns trial
ip netns exec trial nft add table ip trial
ip netns exec trial tc qdisc add dev far root tbf rate 1mbit burst 16kbit latency 1ms
`

/** In ms. */
const TRIAL_TIMEOUT = 10_000

/** The folder for temporary files, for the command that runs in its own namespaces. */
export function folderWithin(): string | null {
  return process.env[FOLDER] ?? null
}

/** @returns why this process cannot have them, or null when it can. */
export function whyNone(): string | null {
  if (process.platform !== 'linux') return 'only Linux has them'
  if (process.getuid?.() !== 0) return 'only root may make them'
  const trial = spawnSync('unshare', [...UNSHARE, 'sh', '-c', TRIAL], {
    encoding: 'utf8',
    timeout: TRIAL_TIMEOUT,
  })
  if (trial.status === 0) return null
  return (
    trial.error?.message ?? (trial.stderr.trim().split('\n')[0] || 'they do not work')
  )
}

/** Runs this command there. @returns its exit code. */
export async function runWithin(): Promise<number> {
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const child = spawn('unshare', [...UNSHARE, ...command], {
    stdio: 'inherit',
    env: { ...process.env, [FOLDER]: temporaryFolder('raft-within-') },
  })
  atEnd(() => child.kill('SIGKILL'))
  if (child.pid) guard(child.pid)
  const [code] = await once(child, 'exit')
  return code ?? 1
}
