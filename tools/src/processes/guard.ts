import { spawn } from 'node:child_process'

/**
 * Lets a process end when this one does, however that ends: by kill -9, too, and when the
 * other stands still. A shell waits at the end of a pipe, which the system closes.
 *
 * @returns what calls the guard off: the process has ended by itself.
 */
export function guard(pid: number): () => void {
  const wait = 'read -r _; kill -9 "$0" 2>/dev/null'
  const shell = spawn('sh', ['-c', wait, String(pid)], {
    // A group of its own: Ctrl-C in a terminal must not end it before its work is done.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  shell.unref()
  // Its pipe does not keep this process alive either; and who called it off may write to it.
  const { stdin } = shell
  if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref()
  stdin.on('error', () => {})
  return () => shell.kill('SIGKILL')
}
