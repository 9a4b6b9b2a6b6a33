import type { Part } from '../lab/index.ts'

/** The part that a compiled text is. */
export async function loadPart(code: string): Promise<Part> {
  const url = `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`
  const { part } = (await import(/* @vite-ignore */ url)) as { readonly part: Part }
  return part
}
