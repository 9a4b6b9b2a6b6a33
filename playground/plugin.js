/** The configurations that take this are read by Node itself, which knows no TypeScript. */
import { tsImport } from 'tsx/esm/api'

export async function mistakes() {
  const module = await tsImport('./mistakes.ts', import.meta.url)
  return module.mistakes()
}
