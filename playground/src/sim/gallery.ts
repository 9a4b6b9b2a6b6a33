/**
 * The mistakes of tools/gallery, to be loaded when somebody asks for them. What stands in
 * this file is filled in where the page is built, by ../../mistakes.ts: each mistake's part
 * is compiled there with the mistake in it.
 */
import type { Part as PartInLab } from 'tools/lab/part'
import type { Source } from './excerpt.ts'

export interface Mistake {
  readonly name: string
  readonly title: string
  readonly group: string
  /** The sentence of the paper that it breaks. */
  readonly breaks: string
  readonly story: string
  readonly part: number
  readonly diff: string
  /** A run in which a rule breaks, as a link; null where none was found here. */
  readonly run: string | null
  readonly load: () => Promise<{ readonly part: PartInLab; readonly changed: Source }>
}

export const GALLERY: readonly Mistake[] = []
