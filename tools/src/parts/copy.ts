/** Copies of a part that stand elsewhere in the repository. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** What a test has from the repository is further away than it was. */
export function leadBack(root: string, folder: string): void {
  const way = relative(join(folder, 'test'), root).replaceAll('\\', '/')
  for (const name of readdirSync(join(folder, 'test'))) {
    const file = join(folder, 'test', name)
    const text = readFileSync(file, 'utf8')
    const led = text.replaceAll("'../../", `'${way}/`)
    if (led !== text) writeFileSync(file, led)
  }
}
