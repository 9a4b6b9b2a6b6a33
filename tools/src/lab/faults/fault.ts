import type { Part } from '../part.ts'
import type { World } from '../world.ts'
import type { Dice } from './dice.ts'

/**
 * A kind of fault: something that happens to a world, and what it is called wherever it is
 * drawn, done, told or made smaller. Which servers it strikes stands in its fields `server`,
 * `from`, `to` or `groups`, by which it can be aimed at others.
 */
export interface FaultKind<F extends object, Word extends string = never> {
  /**
   * How the explorer comes by it: 'temper', among those that a seed likes; 'slowness', among
   * those that make bytes and work take time; 'apart', by a chance of its own, so that what
   * else a seed does stays the same when a kind is added. Or never, but by a test.
   */
  readonly drawn: 'temper' | 'slowness' | 'apart' | 'never'
  /** Where it is drawn apart: in which share of the schedules. */
  readonly chance?: number
  /** Whether a part promises anything about it; every part if this is left out. */
  readonly appliesTo?: (part: Part) => boolean
  /** Without an end it stays when the others stop: the cluster has to bear that. */
  readonly mayStay?: true
  /** Whom it strikes, and how hard. */
  draw(dice: Dice): F
  /** Lets it begin, and says so in the test log. */
  begin(world: World, fault: F): void
  /** Lets it end, wherever it is, and says so. */
  end(world: World, where: Place<F>): void
  /** Whether it can begin now: the server runs, say. */
  canBegin?(world: World, fault: F): boolean
  /** Whether there is anything to end. */
  canEnd?(world: World, where: Place<F>): boolean
  /** A crash ends it: what comes back is another life. */
  readonly endsWithCrash?: true
  /** It strikes at a moment of its own, and ends by itself so long after that. */
  readonly endsByItself?: true
  /** What happens, in a sentence: its beginning. `who` names a server. */
  sentence(fault: F, who: (id: number) => string): string
  /** Where a person may cause it, in the playground. */
  readonly buttons?: Buttons<F, Word>
}

/** By what a fault begins and ends at a server, if it has a `canEnd`. */
export interface Buttons<F, Word extends string> {
  readonly begin: Button<Word>
  readonly end: Button<Word>
  /** What is caused there: how hard it strikes. */
  at(server: number): F
}

interface Button<Word extends string> {
  /** What pressing it is called in a link. */
  readonly word: Word
  /** What stands on it. */
  readonly text: string
}

/** Where a fault is, without how hard it strikes. */
export type Place<F> = Pick<F, Extract<keyof F, 'server' | 'from' | 'to'>>

/** When a fault begins; a schedule is made of these. */
export interface Timed {
  readonly atMs: number
  /** How long it lasts. A fault without this stays when the others stop. */
  readonly forMs?: number
  /** Ids count from whoever leads when the fault begins: 0 is the leader itself. */
  readonly fromLeader?: boolean
}
