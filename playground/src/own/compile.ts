/** TypeScript that a person wrote, made into a part that runs. */
import { transform } from 'sucrase'
import type { Part as PartInLab } from 'tools/lab/part'
import type { Problem, Texts } from './protocol.ts'

/** Code that cannot be loaded, and why. */
export class LoadError extends Error {
  override readonly name = 'LoadError'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.text)
    this.problem = problem
  }
}

type Module = { exports: Record<string, unknown> }
type Evaluate = (code: string) => unknown

/** Files that take something from a package: they are built with the page. */
const BUILT: Record<string, Record<string, unknown>> = import.meta.glob(
  ['../../../part*/src/ordered-map.ts', '../../../part*/test/configuration-rules.ts'],
  { eager: true },
)
/** What storages take from Node, for files. None is ever opened here. */
const OF_NODE = /^(node:|fs-native-extensions$)/

/**
 * @param evaluate what a text of JavaScript is run by.
 * @throws LoadError
 */
export function loadPart(part: number, texts: Texts, evaluate: Evaluate): PartInLab {
  const modules = new Map<string, Module>()
  const load = (file: string): Module['exports'] => {
    const known = modules.get(file)
    if (known) return known.exports
    const built = BUILT[`../../../${file}`]
    if (built) return built
    const text = texts[file]
    if (text === undefined)
      throw new LoadError({ text: `there is no ${file}`, line: null })
    const module: Module = { exports: {} }
    modules.set(file, module)
    const take = (from: string) => {
      if (OF_NODE.test(from)) return { __esModule: true }
      if (from.startsWith('.')) return load(placeOf(from, file))
      throw new LoadError({
        text: `“${from}” is not here: only files of the part can be imported`,
        line: lineWith(text, from),
      })
    }
    // As long as the text, line by line: what is thrown names the line as it was written.
    const wrapped = `(function (require, exports, module) {${compile(text, file)}\n})`
    const run = evaluate(`${wrapped}\n//# sourceURL=${file}`) as (
      ...of: [typeof take, Module['exports'], Module]
    ) => void
    run(take, module.exports, module)
    return module.exports
  }
  try {
    return load(`part${part}/test/lab.ts`).part as PartInLab
  } catch (error) {
    if (error instanceof LoadError) throw error
    const text = error instanceof Error ? error.message : String(error)
    const [, line] = /raft\.ts:(\d+)/.exec(String((error as Error)?.stack)) ?? []
    throw new LoadError({ text, line: line === undefined ? null : Number(line) })
  }
}

function compile(text: string, file: string): string {
  try {
    const { code } = transform(text, {
      transforms: ['typescript', 'imports'],
      disableESTransforms: true,
      production: true,
    })
    return code
  } catch (error) {
    // As in `Unexpected token (12:5)`.
    const { message } = error as Error
    const [, line] = /\((\d+):\d+\)$/.exec(message) ?? []
    const said = message.replace(/^Error transforming [^:]*: /, '')
    const where = file.endsWith('/raft.ts') ? '' : `${file}: `
    throw new LoadError({
      text: where + said.replace(/ \(\d+:\d+\)$/, ''),
      line: line === undefined ? null : Number(line),
    })
  }
}

/** Where a file leads with `../src/raft.ts`. */
function placeOf(from: string, file: string): string {
  return new URL(from, `file:///${file}`).pathname.slice(1)
}

function lineWith(text: string, word: string): number | null {
  const at = text.split('\n').findIndex((line) => line.includes(`'${word}'`))
  return at === -1 ? null : at + 1
}
