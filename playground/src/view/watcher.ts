import { h } from 'tools/viz/page/dom'
import type { Playback } from '../sim/playback.ts'
import { isRoutine, mostTelling } from '../sim/rules.ts'
import type { PlayEvent } from '../sim/simulation.ts'
import { type Change, Transport } from './controls.ts'
import { Events } from './events.ts'
import { Explanation } from './explain.ts'
import { Logs } from './logs.ts'
import type { Queue } from './queue.ts'
import { Stage } from './stage.ts'
import { setText } from './svg.ts'
import { timeText } from './words.ts'

export interface WatcherOptions {
  readonly playback: Playback
  readonly queue: Queue
  readonly sourceHref: (file: string, line: number) => string
  readonly onChange: (change: Change) => void
}

/** A run to be watched, back and forth: nothing can be done to its servers. */
export class Watcher {
  readonly element = h('section', { class: 'pane', 'aria-label': 'The run that fails' })
  private readonly options: WatcherOptions
  private readonly alarm = h('p', { class: 'alarm', role: 'alert', hidden: true })
  private readonly stage: Stage
  private readonly transport: Transport
  private readonly logs = new Logs()
  private readonly explanation: Explanation
  private readonly events: Events
  private selected = 0
  private asked: PlayEvent | null = null
  private frame = 0
  private lastFrame = 0

  constructor(options: WatcherOptions) {
    this.options = options
    const change = (change: Change) => {
      this.asked = null
      options.onChange(change)
    }
    this.stage = new Stage({
      select: (id) => {
        this.selected = id
        void options.queue.add(() => this.render())
      },
      toggleLink: () => {},
    })
    this.transport = new Transport({
      change,
      slide: (time) => {
        options.queue.slide(time, async (time) => {
          this.asked = null
          options.playback.pause()
          await options.playback.goTo(time)
          this.render()
        })
      },
    })
    this.explanation = new Explanation(options.sourceHref)
    this.events = new Events((event) => {
      this.asked = event
      void options.queue.add(() => this.render())
    })
    this.element.append(
      this.alarm,
      this.stage.element as unknown as HTMLElement,
      this.transport.element,
      this.logs.element,
      this.explanation.element,
      this.events.element,
    )
  }

  dispose(): void {
    cancelAnimationFrame(this.frame)
  }

  render(): void {
    const { playback } = this.options
    const { simulation } = playback
    const { violation, events, part, now } = simulation
    this.stage.render(simulation, Math.min(this.selected, simulation.ids.length - 1))
    this.transport.render(playback)
    this.logs.element.hidden = !part.hasLog
    if (part.hasLog) this.logs.render(simulation)
    const telling = playback.isPlaying
      ? (events.findLast((event) => !isRoutine(event)) ?? null)
      : mostTelling(events)
    this.explanation.render(this.asked ?? telling, part)
    this.events.render(simulation)
    this.alarm.hidden = violation === null
    if (violation) {
      setText(this.alarm, `At ${timeText(now)} a rule is broken. ${violation.message}`)
    }
    if (playback.isPlaying) this.run()
  }

  private run(): void {
    const { playback, queue } = this.options
    cancelAnimationFrame(this.frame)
    if (this.lastFrame === 0) this.lastFrame = performance.now()
    this.frame = requestAnimationFrame((now) => {
      void queue.add(async () => {
        await playback.tick(now - this.lastFrame)
        this.lastFrame = playback.isPlaying ? now : 0
        this.render()
      })
    })
  }
}
