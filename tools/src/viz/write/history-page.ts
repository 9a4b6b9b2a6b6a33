import { writeWhole } from '../../cli/whole.ts'
import type { Picture } from '../../histories/picture.ts'
import { visible } from '../shared/text.ts'
import { render } from './page.ts'

/** Writes the picture of a history as a page of its own. */
export async function writeHistoryPage(file: string, picture: Picture): Promise<void> {
  const data = JSON.stringify(picture, (_, value) =>
    typeof value === 'string' ? visible(value) : value,
  )
  const html = await render('history', {
    title: visible(picture.title),
    verdict: picture.verdict,
    // Within a script, markup would end it.
    picture: data.replaceAll('<', '\\u003c'),
  })
  await writeWhole(file, [html])
}
