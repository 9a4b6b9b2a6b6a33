import { UsageError } from '../cli/exit.ts'
import type { Part } from '../lab/index.ts'

/** The part that a compiled text is. @throws UsageError when it cannot be loaded. */
export async function loadPart(code: string): Promise<Part> {
  const url = `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`
  const { part } = await importModule(url)
  if (part) return part
  throw new UsageError('the test/lab.ts of this part exports no "part"')
}

async function importModule(url: string): Promise<{ readonly part?: Part }> {
  try {
    return await import(/* @vite-ignore */ url)
  } catch (error) {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : error
    throw new UsageError(`the part cannot be loaded: ${reason}`)
  }
}
