/** Pictures of histories: pages that show what clients saw, and how it can be explained. */
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { CheckedHistory } from '../histories/picture.ts'
import { pictureOf } from '../histories/picture.ts'
import { writeHistoryPage } from './write/history-page.ts'
import { FileNames } from './write/names.ts'

/** Draws histories into a folder, each as a page with a name of its own. */
export class HistoryPages {
  private readonly outDir: string
  private readonly names = new FileNames()

  constructor(outDir: string) {
    this.outDir = outDir
  }

  /** @returns the page's address. */
  async draw(title: string, checked: CheckedHistory): Promise<string> {
    const file = resolve(join(this.outDir, this.names.take(title, 'history')))
    await writeHistoryPage(file, pictureOf(title, checked))
    return pathToFileURL(file).href
  }
}
