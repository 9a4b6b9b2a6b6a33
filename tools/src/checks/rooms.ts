import { join } from 'node:path'
import { execa } from 'execa'
import { ROOT } from '../cli/root.ts'

/** What dependency-cruiser says, as far as it is looked at here. */
interface Cruise {
  readonly summary: {
    readonly totalCruised: number
    readonly violations: readonly {
      readonly from: string
      readonly to: string
      readonly rule: { readonly name: string }
      readonly cycle?: readonly { readonly name: string }[]
    }[]
  }
}

export interface Rooms {
  readonly modules: number
  /** As sentences: which file knows which, and the rule that this breaks. */
  readonly problems: readonly string[]
}

/** The folders whose modules are looked at. */
const FOLDERS = ['tools/src', 'scripts', 'playground']

/** Looks at who knows whom, by the rules in tools/.dependency-cruiser.js. */
export async function checkRooms(root: string): Promise<Rooms> {
  const tools = join(ROOT, 'tools')
  const rules = ['--config', join(tools, '.dependency-cruiser.js')]
  // A process of its own, since it does not run under tsx.
  const { stdout } = await execa(
    'depcruise',
    [...rules, '--output-type', 'json', ...FOLDERS],
    { cwd: root, preferLocal: true, localDir: tools },
  )
  const { totalCruised, violations } = (JSON.parse(stdout) as Cruise).summary
  return {
    modules: totalCruised,
    problems: violations.map(({ from, to, rule, cycle }) => {
      const way = cycle ? cycle.map(({ name }) => name) : [to]
      return `${[from, ...way].join(' → ')}: ${rule.name}`
    }),
  }
}
