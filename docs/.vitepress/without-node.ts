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
      // Pages are drawn ahead without it: it comes when a page is seen. To build it for that,
      // with every mistake of the gallery, would take as long as all else.
      if (ssr) return /^playground(\/|$)/.test(id) ? EMPTY : null
      const [file = ''] = (importer ?? '').split('?')
      if (!/\/part\d+\/src\/(storage|snapshot-file)\.ts$/.test(file)) return null
      if (id !== LOCK && !id.startsWith('node:')) return null
      return { id: EMPTY, syntheticNamedExports: true }
    },
    load(id) {
      if (id !== EMPTY) return null
      return 'export const basename = null, crc32 = null, dirname = null, tryLock = null, unlock = null\nexport default {}\n'
    },
  }
}
