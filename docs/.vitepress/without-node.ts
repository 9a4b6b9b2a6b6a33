import type { Plugin } from 'vitepress'

const EMPTY = '\0without-node'
/** Locks files; it is not Node's, and needs Node as well. */
const LOCK = 'fs-native-extensions'

/**
 * Part 3 keeps its storages in one file, and FileStorage needs Node. On the site it is
 * never made; so for that file, and no other, what it takes from Node is empty.
 */
export function withoutNode(): Plugin {
  return {
    name: 'without-node',
    enforce: 'pre',
    resolveId(id, importer, { ssr }) {
      if (!importer?.endsWith('/part3/src/storage.ts')) return null
      // Where pages are drawn ahead there is Node, but not part 3's packages.
      if (id !== LOCK && (ssr || !id.startsWith('node:'))) return null
      return { id: EMPTY, syntheticNamedExports: true }
    },
    load(id) {
      if (id !== EMPTY) return null
      return 'export const crc32 = null, dirname = null, tryLock = null\nexport default {}\n'
    },
  }
}
