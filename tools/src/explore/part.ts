import type { ServerUnderTest, Surroundings } from '../lab/cluster.ts'
import type { Random } from '../lab/random.ts'
import type { Storage } from '../lab/storage.ts'
import { loadCompiled } from '../parts/load.ts'
import type { FileStorageClass } from './file.ts'

/** A server of whichever part; the first part takes no commands. */
export interface ServerOfPart extends ServerUnderTest {
  submit?(command: string): number | null
}

export interface Disk extends Storage<unknown, unknown> {
  crash(random: Random): void
}

/** What the explorer takes from a part's modules. */
export interface Part {
  readonly ConsensusModule: new (
    options: Surroundings & { readonly storage: unknown },
  ) => ServerOfPart
  /** From part 3 on. A part without it promises nothing about crashes. */
  readonly MemoryStorage?: new () => Disk
  readonly FileStorage?: FileStorageClass
  /** From part 3 on: what is long does not hold up what is short, nor is it given up. */
  readonly MessageStream?: unknown
}

/** The part that a compiled text is. */
export async function loadPart(code: string): Promise<Part> {
  return (await loadCompiled(code)) as Part
}
