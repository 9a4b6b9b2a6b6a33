import { createHash, randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import Handlebars from 'handlebars'
import type { Header } from '../shared/format.ts'
import { visible } from '../shared/text.ts'
import { type Assets, loadAssets } from './assets.ts'
import type { Packer } from './chunks.ts'
import type { Run } from './run.ts'

/** So many bytes that base64 of them ends without padding, and the pieces can be joined. */
const BASE64_PIECE = 3 * 256 * 1024

export interface PageOptions {
  readonly run: Run
  readonly file: string
  readonly packer: Packer
  /** Relative address of the index page, when there is one. */
  readonly indexHref: string | null
  /** Relative address of the chapter that the test belongs to. */
  readonly chapterHref: string | null
}

/** Writes one run as one page. @returns its header, as the page has it. */
export async function writePage(options: PageOptions): Promise<Header> {
  const { run, file, packer } = options
  const { header, packed } = run.finish()
  const data = packer.pack(withHeader(header, packed.parts))
  const [before, after] = await renderShell(header, options)
  const pieces = async function* () {
    yield before
    yield* dataBlock('data', await data)
    for (const [i, chunk] of run.raw.packed.entries()) {
      yield* dataBlock(`raw-${i}`, await chunk)
    }
    yield after
  }
  await pipeline(pieces, createWriteStream(file))
  return header
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
  { indexHref, chapterHref }: PageOptions,
): Promise<[string, string]> {
  const mark = `data ${randomUUID()}`
  const html = await render('timeline', {
    title: visible(header.test),
    status: header.status,
    mark,
    indexHref,
    chapterHref,
  })
  const [before = '', after = ''] = html.split(mark)
  return [before, after]
}

const templates = new Map<string, Handlebars.TemplateDelegate>()

/** Renders a template with the page's style, its script, and a policy that admits these. */
export async function render(
  name: 'timeline' | 'index',
  fields: object,
): Promise<string> {
  const { script, style } = await loadAssets()
  let template = templates.get(name)
  if (!template) {
    const file = fileURLToPath(new URL(`../templates/${name}.hbs`, import.meta.url))
    template = Handlebars.compile(await readFile(file, 'utf8'))
    templates.set(name, template)
  }
  return template({ ...fields, script, style, policy: policyFor({ script, style }) })
}

/** Nothing from elsewhere, and of scripts and styles only the page's own. */
function policyFor({ script, style }: Assets): string {
  const digest = (text: string) =>
    `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  return [
    "default-src 'none'",
    `script-src ${digest(script)}`,
    `style-src ${digest(style)}`,
    'img-src data:',
    'font-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
}
