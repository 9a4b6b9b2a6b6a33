import type { Plugin } from 'vitepress'

const EMPTY = '\0without-node'
/** Locks files; it is not Node's, and needs Node as well. */
const LOCK = 'fs-native-extensions'

/**
 * From part 3 on, the storages stand in one file, and FileStorage needs Node. On the site it
 * is never made; so for that file, and no other, what it takes from Node is empty.
 */
export function withoutNode(): Plugin {
  return {
    name: 'without-node',
    enforce: 'pre',
    resolveId(id, importer, { ssr }) {
      const [file = ''] = (importer ?? '').split('?')
      if (!/\/part\d+\/src\/storage\.ts$/.test(file)) return null
      // Where pages are drawn ahead there is Node, but not the part's packages.
      if (id !== LOCK && (ssr || !id.startsWith('node:'))) return null
      return { id: EMPTY, syntheticNamedExports: true }
    },
    load(id) {
      if (id !== EMPTY) return null
      return 'export const crc32 = null, dirname = null, tryLock = null, unlock = null\nexport default {}\n'
    },
  }
}
