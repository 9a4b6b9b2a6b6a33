import { createHash, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Handlebars from 'handlebars'
import { writeWhole } from '../../cli/whole.ts'
import type { Header } from '../shared/format.ts'
import { visible } from '../shared/text.ts'
import { type Assets, HISTORY, loadAssets, TIMELINE } from './assets.ts'
import type { Packer } from './chunks.ts'
import type { Run } from './run.ts'

/** So many bytes that base64 of them ends without padding, and the pieces can be joined. */
const BASE64_PIECE = 3 * 256 * 1024

export interface PageOptions {
  readonly run: Run
  readonly file: string
  readonly packer: Packer
  /** The script and the style beside the pages, once for all; or null, for a page alone. */
  readonly shared: SharedAssets | null
  /** Relative address of the index page, when there is one. */
  readonly indexHref: string | null
  /** Relative address of the chapter that the test belongs to. */
  readonly chapterHref: string | null
}

/** Writes one run as one page. @returns its header, as the page has it. */
export async function writePage(options: PageOptions): Promise<Header> {
  const { run, file, packer } = options
  const { header, data: unpacked } = dataOf(run)
  const data = packer.pack(unpacked)
  const [before, after] = await renderShell(header, options)
  const pieces = async function* () {
    yield before
    yield* dataBlock('data', await data)
    for (const [i, chunk] of run.raw.packed.entries()) {
      yield* dataBlock(`raw-${i}`, await chunk)
    }
    yield after
  }
  await writeWhole(file, pieces())
  return header
}

/** A run as the page's script reads it. Nothing can be added to the run afterwards. */
export function dataOf(run: Run): { readonly header: Header; readonly data: Buffer } {
  const { header, packed } = run.finish()
  return { header, data: withHeader(header, packed.parts) }
}

function withHeader(header: Header, parts: readonly Buffer[]): Buffer {
  const text = Buffer.from(JSON.stringify(header), 'utf8')
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  return Buffer.concat([length, text, ...parts])
}

/** All that comes from the log is packed, so that none of it can be taken for markup. */
function* dataBlock(id: string, bytes: Buffer): Generator<string> {
  yield `<script type="application/octet-stream" id="${id}">`
  for (let start = 0; start < bytes.length; start += BASE64_PIECE) {
    yield bytes.toString('base64', start, Math.min(start + BASE64_PIECE, bytes.length))
  }
  yield '</script>\n'
}

/** The page before and after its data. */
async function renderShell(
  header: Header,
  { indexHref, chapterHref, shared }: PageOptions,
): Promise<[string, string]> {
  const mark = `data ${randomUUID()}`
  const fields = {
    title: visible(header.test),
    status: header.status,
    mark,
    indexHref,
    chapterHref,
  }
  const html = shared
    ? await renderWith(shared, 'timeline', fields)
    : await render('timeline', fields)
  const [before = '', after = ''] = html.split(mark)
  return [before, after]
}

const templates = new Map<string, Handlebars.TemplateDelegate>()

/** Renders a template with the page's style, its script, and a policy that admits these. */
export async function render(
  name: 'timeline' | 'index' | 'history',
  fields: object,
): Promise<string> {
  const assets = await loadAssets(name === 'history' ? HISTORY : TIMELINE)
  return renderWith({ ...assets, policy: policyFor(digestsOf(assets)) }, name, fields)
}

async function renderWith(
  assets: object,
  name: 'timeline' | 'index' | 'history',
  fields: object,
): Promise<string> {
  let template = templates.get(name)
  if (!template) {
    const file = fileURLToPath(new URL(`../templates/${name}.hbs`, import.meta.url))
    template = Handlebars.compile(await readFile(file, 'utf8'))
    templates.set(name, template)
  }
  return template({ ...fields, ...assets })
}

/** What a page says of a script and a style that stand beside it. */
export interface SharedAssets {
  readonly scriptHref: string
  readonly styleHref: string
  readonly policy: string
}

/** Writes the script and the style into a folder, for many pages. */
export async function writeSharedAssets(folder: string): Promise<SharedAssets> {
  const { script, style } = await loadAssets(TIMELINE)
  // By what is in them: pages of another version may be in the folder.
  const scriptHref = `timeline-${nameOf(script)}.js`
  const styleHref = `timeline-${nameOf(style)}.css`
  await writeWhole(join(folder, scriptHref), [script])
  await writeWhole(join(folder, styleHref), [style])
  // A page that was opened as a file has no origin: to some browsers nothing is its own.
  const beside = "'self' file:"
  return { scriptHref, styleHref, policy: policyFor({ script: beside, style: beside }) }
}

function nameOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

/** What admits this script and this style, and no others. */
export function digestsOf({ script, style }: Assets): Assets {
  return { script: digestOf(script), style: digestOf(style) }
}

function digestOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

/** Nothing from elsewhere, and of scripts and styles only the page's own. */
function policyFor({ script, style }: Assets): string {
  return [
    "default-src 'none'",
    `script-src ${script}`,
    `style-src ${style}`,
    'img-src data:',
    'font-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
}
