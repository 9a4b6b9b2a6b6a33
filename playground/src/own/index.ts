/** Parts whose raft.ts a person has changed: they run in a worker. Loaded when asked for. */
import type { PartElsewhere } from '../sim/elsewhere.ts'
import { LinkError } from '../sim/link.ts'
import { fetchPart, partOf } from '../sim/part.ts'
import { differenceOf, pack, unpack, withDifference } from './change.ts'
import type { Problem } from './protocol.ts'
import { type Port, RemoteRun, Workshop } from './remote.ts'
import { textsOf } from './texts.ts'

/** A change to a part's raft.ts. */
export interface Change {
  readonly part: number
  readonly file: string
  /** The file with it. */
  readonly text: string
  readonly difference: string
  /** The difference, as links carry it. */
  readonly packed: string
}

export function fileOf(part: number): string {
  return `part${part}/src/raft.ts`
}

export function originalOf(part: number): string {
  const file = fileOf(part)
  return partOf(part).sources.find((source) => source.file === file)?.text ?? ''
}

/** @returns null when it changes nothing. */
export async function changeTo(part: number, text: string): Promise<Change | null> {
  const file = fileOf(part)
  const difference = differenceOf(file, originalOf(part), text)
  if (difference === '') return null
  return { part, file, text, difference, packed: await pack(difference) }
}

/** What a link carries. Nothing of it is run here. @throws LinkError */
export async function changeIn(packed: string, part: number): Promise<Change> {
  const difference = await unpack(packed)
  await fetchPart(part)
  const text = withDifference(originalOf(part), difference)
  const change = await changeTo(part, text)
  if (change) return { ...change, packed }
  throw new LinkError('the change to the code that it carries changes nothing')
}

/** The part with a change, run in a worker. */
export interface OwnPart extends PartElsewhere {
  /** Why it cannot be run at all; null when it can. */
  check(): Promise<Problem | null>
}

export async function partWith(change: Change): Promise<OwnPart> {
  const { file, text } = change
  const right = partOf(change.part)
  const texts = { ...(await textsOf(change.part)), [file]: text }
  const workshop = new Workshop(change.part, texts, openWorker)
  const own: OwnPart = {
    ...right,
    sources: right.sources.map((source) => (source.file === file ? change : source)),
    difference: 'as changed',
    begin: (setup) => new RemoteRun(setup, own, workshop),
    check: () => workshop.check(),
    close: () => workshop.close(),
  }
  return own
}

function openWorker(): Port {
  return new Worker(new URL('./worker.ts', import.meta.url), {
    type: 'module',
  }) as unknown as Port
}
