import { type FSWatcher, watch } from 'node:fs'

/** Calls back whenever a file of the folder is saved, until the watcher is closed. */
export function watchSaves(folder: string, onSave: () => void): FSWatcher {
  // Many editors replace the file by a new one. On Linux, a recursive watch of Node's
  // would go on looking at the old one, and see no other save.
  return watch(folder, onSave)
}
