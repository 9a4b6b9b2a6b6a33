import type { Texts } from './protocol.ts'

/** All that a part runs by in the laboratory, to be loaded when it is. */
const TEXTS = import.meta.glob(
  [
    '../../../part*/src/{raft,storage,kv,service,reads,sessions,client}.ts',
    '../../../part*/src/{snapshots,snapshot-file,refusals,ordered-map,changes,configuration,handover}.ts',
    '../../../part*/test/{lab,client,recorder}.ts',
  ],
  { query: '?raw', import: 'default' },
) as Record<string, () => Promise<string>>

/** A part's files, by their places in the repository. */
export async function textsOf(part: number): Promise<Texts> {
  const ofPart = Object.entries(TEXTS).filter(([path]) => path.includes(`/part${part}/`))
  const rows = ofPart.map(async ([path, load]) => {
    return [path.replaceAll('../', ''), await load()] as const
  })
  return Object.fromEntries(await Promise.all(rows))
}
