import type { Plugin } from 'vitepress'

const EMPTY = '\0without-node'

/**
 * Part 3 keeps its storages in one file, and FileStorage needs Node. In the browser it is
 * never made; so there, and only for that file, Node's modules are empty.
 */
export function withoutNode(): Plugin {
  return {
    name: 'without-node',
    enforce: 'pre',
    resolveId(id, importer, options) {
      const isStorage = importer?.endsWith('/part3/src/storage.ts')
      if (!isStorage || options.ssr || !id.startsWith('node:')) return null
      return { id: EMPTY, syntheticNamedExports: true }
    },
    load(id) {
      if (id !== EMPTY) return null
      return 'export const crc32 = null, dirname = null\nexport default {}\n'
    },
  }
}
