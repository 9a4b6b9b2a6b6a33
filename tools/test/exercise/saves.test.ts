import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { watchSaves } from '../../src/grade/saves.ts'

test('a save is heard, also after one that has replaced the file', async () => {
  const home = mkdtempSync(join(tmpdir(), 'raft-saves-'))
  onTestFinished(() => rmSync(home, { recursive: true }))
  const file = join(home, 'raft.ts')
  writeFileSync(file, '1')
  const onSave = vi.fn()
  const watcher = watchSaves(home, onSave)
  onTestFinished(() => watcher.close())

  const other = join(mkdtempSync(join(home, 'elsewhere-')), 'raft.ts')
  writeFileSync(other, '2')
  renameSync(other, file)
  await vi.waitFor(() =>
    expect(onSave).toHaveBeenCalledWith(expect.any(String), 'raft.ts'),
  )
  onSave.mockClear()
  writeFileSync(file, '3')
  await vi.waitFor(() =>
    expect(onSave).toHaveBeenCalledWith(expect.any(String), 'raft.ts'),
  )
})
