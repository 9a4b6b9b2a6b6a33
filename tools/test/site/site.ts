import { join } from 'node:path'
import { execa } from 'execa'
import { preview } from 'vite'

const ROOT = join(import.meta.dirname, '../../..')
const VITEPRESS = join(ROOT, 'docs/node_modules/.bin/vitepress')

/** Builds the site of the chapters into a folder, and serves it on this machine alone. */
export async function serveSite(
  folder: string,
): Promise<{ address: string; close: () => Promise<void> }> {
  await execa(VITEPRESS, ['build', 'docs', '--outDir', folder], { cwd: ROOT })
  const server = await preview({
    configFile: false,
    root: folder,
    appType: 'mpa',
    build: { outDir: folder },
    preview: { host: '127.0.0.1', port: 0 },
    logLevel: 'silent',
  })
  const [address = ''] = server.resolvedUrls?.local ?? []
  return { address: address.replace(/\/$/, ''), close: () => server.close() }
}
