import type { Plugin } from 'vitepress'

const EMPTY = '\0without-node'
/** Locks files; it is not Node's, and needs Node as well. */
const LOCK = 'fs-native-extensions'

/**
 * From part 3 on, the storages stand in one file, and FileStorage needs Node, as do part 6's
 * files of snapshots. On the site none is ever made; so for these, and no other file, what
 * they take from Node is empty.
 */
export function withoutNode(): Plugin {
  return {
    name: 'without-node',
    enforce: 'pre',
    resolveId(id, importer, { ssr }) {
      const [file = ''] = (importer ?? '').split('?')
      if (!/\/part\d+\/src\/(storage|snapshot-file)\.ts$/.test(file)) return null
      // Where pages are drawn ahead there is Node, but not the part's packages.
      if (id !== LOCK && (ssr || !id.startsWith('node:'))) return null
      return { id: EMPTY, syntheticNamedExports: true }
    },
    load(id) {
      if (id !== EMPTY) return null
      return 'export const basename = null, crc32 = null, dirname = null, tryLock = null, unlock = null\nexport default {}\n'
    },
  }
}
