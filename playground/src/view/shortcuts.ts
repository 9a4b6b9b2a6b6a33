import type { Deed } from '../sim/action.ts'
import type { Playback } from '../sim/playback.ts'
import type { Run } from '../sim/simulation.ts'
import { type ControlActions, togglePlay } from './controls.ts'
import type { Key } from './keys.ts'

export interface ShortcutActions extends ControlActions {
  /** Done at one moment, one after the other. */
  readonly act: (...deeds: readonly Deed[]) => void
  readonly command: () => void
  readonly complain: (text: string) => void
}

/** Where RaftScope sets up logs that differ. */
const SCENE_OF_LOGS = 'old-leader-returns'

/** What the keys do. */
export class Shortcuts {
  private readonly actions: ShortcutActions

  constructor(actions: ShortcutActions) {
    this.actions = actions
  }

  press(key: Key, { simulation }: Playback): void {
    const { change, act, command } = this.actions
    const does: Readonly<Record<Key, () => void>> = {
      space: () => change(togglePlay),
      '→': () => change((playback) => playback.step()),
      '←': () => change((playback) => playback.back()),
      '+': () => change((playback) => playback.faster()),
      '−': () => change((playback) => playback.slower()),
      C: () => (simulation.part.hasLog ? command() : this.lacks('log')),
      R: () => this.restartLeader(simulation),
      T: () => act({ do: 'spread' }),
      A: () => act({ do: 'align' }),
      B: () => this.bringBack(simulation),
      L: () => this.actions.loadScene(SCENE_OF_LOGS),
      F: () => change((playback) => playback.forgetFuture()),
      '?': () => {
        change((playback) => playback.pause())
        this.actions.showKeys()
      },
    }
    does[key]()
  }

  private restartLeader({ leader, part }: Run): void {
    if (!part.lab.storage) this.lacks('disk')
    else if (leader === null) this.actions.complain('There is no leader to restart.')
    else {
      const server = leader
      this.actions.act({ do: 'crash', server }, { do: 'restart', server })
    }
  }

  private bringBack(simulation: Run): void {
    const deeds = toOrder(simulation)
    if (deeds.length > 0) this.actions.act(...deeds)
  }

  private lacks(what: string): void {
    this.actions.complain(`The servers of this part have no ${what} yet.`)
  }
}

/** What brings every server and every link back. */
export function toOrder(simulation: Run): Deed[] {
  const { ids } = simulation
  return ids.flatMap((server) => {
    const { isCrashed, isPaused, isConnected } = simulation.condition(server)
    const others = ids.filter((id) => id > server)
    const cut = others.filter((other) => {
      return !simulation.hasLink(server, other) || !simulation.hasLink(other, server)
    })
    return [
      ...(isCrashed ? [{ do: 'restart', server } as const] : []),
      ...(isPaused ? [{ do: 'resume', server } as const] : []),
      ...(isConnected ? [] : [{ do: 'reconnect', server } as const]),
      ...cut.map((other) => ({ do: 'mend', server, other }) as const),
    ]
  })
}
