import { button, h } from 'tools/viz/page/dom'
import type { Deed } from '../sim/action.ts'
import { toHash } from '../sim/link.ts'
import { Playback } from '../sim/playback.ts'
import { Queue } from './queue.ts'
import { toOrder } from './shortcuts.ts'
import { Stage } from './stage.ts'
import { setText } from './svg.ts'
import { sentenceOf } from './words.ts'

export interface ElectionOptions {
  /** Where a run can be gone on with. */
  readonly playgroundHref: (hash: string) => string
}

/** Shortly before the first timer fires, in ms of simulated time. */
const BEGIN_MS = 290
/** When the cluster has a leader: for those who want no motion. */
const LED_MS = 380

/** Five servers elect a leader, and another one when that is cut off. One click does it. */
export class Election {
  static readonly run = { part: 1, servers: 5, seed: 1, actions: [] }
  readonly element = h('div', { class: 'playground election' })
  private readonly playback = new Playback(Election.run)
  private readonly queue = new Queue()
  private readonly stage: Stage
  private readonly news = h('p', { class: 'news', 'aria-live': 'polite' })
  private readonly breakIt = button('', () => this.press(), { class: 'primary' })
  private readonly hold = button('Pause', () => this.toggle())
  private readonly goOn = h('a', { class: 'go-on' }, 'Go on in the playground')
  private frame = 0
  private lastFrame = 0
  private readonly href: ElectionOptions['playgroundHref']

  constructor({ playgroundHref }: ElectionOptions) {
    this.href = playgroundHref
    this.stage = new Stage({
      select: (id) => this.toggleServer(id),
      toggleLink: (server, other) => {
        const isWhole = this.playback.simulation.hasLink(server, other)
        this.act({ do: isWhole ? 'cut' : 'mend', server, other })
      },
    })
    const row = h('div', { class: 'row' }, this.breakIt, this.hold, this.goOn)
    this.element.append(this.stage.element, this.news, row)
    const isStill = window.matchMedia('(prefers-reduced-motion: reduce)').matches
    void this.queue.add(async () => {
      await this.playback.goTo(isStill ? LED_MS : BEGIN_MS)
      if (!isStill) this.playback.play()
      this.render()
    })
    this.run()
  }

  dispose(): void {
    cancelAnimationFrame(this.frame)
  }

  private run(): void {
    this.lastFrame = performance.now()
    const next = (now: number) => {
      this.frame = requestAnimationFrame(next)
      const passed = now - this.lastFrame
      this.lastFrame = now
      if (this.queue.isBusy || !this.playback.isPlaying) return
      void this.queue.add(async () => {
        await this.playback.tick(passed)
        this.render()
      })
    }
    this.frame = requestAnimationFrame(next)
  }

  private act(...deeds: readonly Deed[]): void {
    void this.queue.add(async () => {
      for (const deed of deeds) await this.playback.act(deed)
      this.playback.play()
      this.render()
    })
  }

  /** The leader that most follow is cut off; or whoever is, comes back. */
  private press(): void {
    const { simulation } = this.playback
    const order = toOrder(simulation)
    const { leader } = simulation
    if (order.length > 0) this.act(...order)
    else if (leader !== null) this.act({ do: 'disconnect', server: leader })
  }

  private toggleServer(server: number): void {
    const { isConnected } = this.playback.simulation.condition(server)
    this.act({ do: isConnected ? 'disconnect' : 'reconnect', server })
  }

  private toggle(): void {
    void this.queue.add(() => {
      if (this.playback.isPlaying) this.playback.pause()
      else this.playback.play()
      this.render()
    })
  }

  private render(): void {
    const { simulation, isPlaying } = this.playback
    this.stage.render(simulation, -1)
    const isBroken = toOrder(simulation).length > 0
    setText(this.breakIt, isBroken ? 'Mend it' : 'Cut off the leader')
    this.breakIt.disabled = !isBroken && simulation.leader === null
    setText(this.hold, isPlaying ? 'Pause' : 'Play')
    const told = simulation.events.findLast(({ event, fault }) => {
      return event === 'role' || fault !== undefined
    })
    setText(this.news, told ? sentenceOf(told) : 'Five servers wait for a leader.')
    const { recording, time } = this.playback
    this.goOn.href = this.href(toHash(recording, time))
  }
}
