/**
 * The configurations that take this are read by Node itself, which knows no TypeScript. What
 * runs TypeScript is loaded when a page asks for it: each run of tests reads a configuration,
 * and few look at a page.
 */
export function mistakes() {
  let loaded
  const load = () => {
    loaded ??= loadPlugin()
    return loaded
  }
  return {
    name: 'mistakes',
    enforce: 'pre',
    async configureVitest(vitest) {
      const plugin = await load()
      plugin.configureVitest(vitest)
    },
    async resolveId(...args) {
      const plugin = await load()
      return plugin.resolveId.apply(this, args)
    },
    async load(id) {
      const plugin = await load()
      return plugin.load(id)
    },
  }
}

async function loadPlugin() {
  const { tsImport } = await import('tsx/esm/api')
  const { mistakes } = await tsImport('./mistakes.ts', import.meta.url)
  return mistakes()
}
