import { button, h, listen } from 'tools/viz/page/dom'
import { type Deed, MAX_COMMAND_LENGTH, type Setup } from '../sim/action.ts'
import { fromHash, LinkError, toHash } from '../sim/link.ts'
import { Playback } from '../sim/playback.ts'
import { isRoutine, mostTelling } from '../sim/rules.ts'
import { SCENES, type Scene, sceneOf } from '../sim/scenes.ts'
import type { PlayEvent } from '../sim/simulation.ts'
import { Announcer } from './announcer.ts'
import { SetupControls, Transport, togglePlay } from './controls.ts'
import { Events } from './events.ts'
import { Explanation } from './explain.ts'
import { Lamps } from './lamps.ts'
import { Logs } from './logs.ts'
import { ServerPanel } from './server-panel.ts'
import { Stage } from './stage.ts'
import { setText } from './svg.ts'
import { sentenceOf, timeText } from './words.ts'

export interface AppOptions {
  /** Where a part's raft.ts can be read. */
  readonly sourceHref: (part: number) => string
}

/** What is not worth hearing; it can be read in the list. */
const QUIET: ReadonlySet<string> = new Set([
  ...['timer', 'send', 'receive', 'drop', 'append', 'apply', 'persist', 'progress'],
])

/** The playground: one playback, and everything that shows it. */
export class App {
  readonly element = h('div', { class: 'playground' })
  private readonly playback: Playback
  private readonly setup: SetupControls
  private readonly transport: Transport
  private readonly stage: Stage
  private readonly logs = new Logs()
  private readonly lamps = new Lamps()
  private readonly panel = new ServerPanel((deed) => this.act(deed))
  private readonly explanation: Explanation
  private readonly events = new Events((event) => this.explain(event))
  private readonly caption = h('p', { class: 'caption', 'aria-live': 'polite' })
  private readonly problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  private readonly announcer = new Announcer()
  private readonly command = h('input', { type: 'text', maxlength: MAX_COMMAND_LENGTH })
  private readonly submit = button('Submit', () => this.submitCommand(), {
    type: 'submit',
  })
  private readonly submitForm: HTMLElement
  private scene: Scene | null = null
  private selected = 0
  /** The event that somebody asked about. */
  private asked: PlayEvent | null = null
  private lastFrame = 0
  private frame = 0
  private commands = 0
  private readonly followLink = () => this.follow(window.location.hash)

  constructor({ sourceHref }: AppOptions) {
    const actions = {
      load: (setup: Setup) => this.load(setup),
      loadScene: (id: string) => this.loadScene(id),
      change: (change: (playback: Playback) => void) => this.change(change),
      copyLink: () => void this.copyLink(),
    }
    this.playback = new Playback({ part: 3, servers: 5, seed: 1, actions: [] })
    this.setup = new SetupControls(actions)
    this.transport = new Transport(actions)
    this.explanation = new Explanation(sourceHref)
    this.stage = new Stage({
      select: (id) => this.select(id),
      toggleLink: (server, other) => {
        const isWhole = this.playback.simulation.hasLink(server, other)
        this.act({ do: isWhole ? 'cut' : 'mend', server, other })
      },
    })
    this.command.setAttribute('aria-label', 'Command')
    this.submitForm = h('div', { class: 'row submit' }, this.command, this.submit)
    listen(this.command, {
      onkeydown: (event) => {
        if (event.key === 'Enter') this.submitCommand()
      },
    })
    this.lay()
    listen(this.element, { onkeydown: (event) => this.onKey(event) })
    const linked = window.location.hash
    window.addEventListener('hashchange', this.followLink)
    this.loadScene(SCENES[0]?.id ?? '')
    this.follow(linked)
  }

  dispose(): void {
    window.removeEventListener('hashchange', this.followLink)
    cancelAnimationFrame(this.frame)
    this.announcer.dispose()
  }

  private lay(): void {
    this.nameCommand()
    const left = h('div', { class: 'left' }, this.caption)
    left.append(this.transport.element, this.stage.element, this.logs.element)
    const right = h(
      'div',
      { class: 'right' },
      this.panel.element,
      this.submitForm,
      this.explanation.element,
      this.events.element,
      this.lamps.element,
    )
    const columns = h('div', { class: 'columns' }, left, right)
    this.element.append(
      this.setup.element,
      this.problem,
      columns,
      this.announcer.element,
    )
  }

  /** Shows what a link asks for. What is none, or a wrong one, leaves the run as it is. */
  private follow(hash: string): void {
    try {
      const target = fromHash(hash)
      if (target === null) return
      if ('scene' in target) this.loadScene(target.scene)
      else {
        this.begin(null, target.recording)
        this.change((playback) => playback.goTo(target.time))
      }
    } catch (error) {
      if (!(error instanceof LinkError)) throw error
      this.complain(`This link cannot be followed: ${error.message}.`)
    }
  }

  private loadScene(id: string): void {
    const scene = sceneOf(id)
    if (!scene) throw new LinkError(`there is no scene "${id}"`)
    this.begin(scene, scene.recording)
  }

  private load(setup: Setup): void {
    this.begin(null, { ...setup, actions: [] })
  }

  private begin(scene: Scene | null, recording: Playback['recording']): void {
    this.problem.hidden = true
    this.scene = scene
    this.selected = 0
    this.asked = null
    const stops = scene?.captions.map(({ at }) => at) ?? []
    this.playback.load(recording, stops)
    this.setup.show(recording, scene?.id ?? '')
    this.render()
    this.remember()
  }

  private change(change: (playback: Playback) => void): void {
    this.asked = null
    change(this.playback)
    this.render()
    if (this.playback.isPlaying) this.run()
    else this.remember()
  }

  private act(deed: Deed): void {
    const { whyNoMore } = this.playback
    if (whyNoMore !== null) {
      this.complain(`${whyNoMore}: go back, or begin another one.`)
      return
    }
    this.scene = null
    this.setup.show(this.playback.recording, '')
    this.change((playback) => playback.act(deed))
    this.remember()
  }

  private select(id: number): void {
    this.selected = id
    this.render()
  }

  private explain(event: PlayEvent): void {
    this.asked = event
    this.playback.pause()
    this.render()
  }

  private submitCommand(): void {
    const command = this.command.value.trim()
    if (command === '') return
    this.act({ do: 'submit', server: this.addressee, command })
    this.nameCommand()
  }

  /** Clients look for the leader; without one, they ask anybody. */
  private get addressee(): number {
    return this.playback.simulation.leader ?? this.selected
  }

  private nameCommand(): void {
    this.commands += 1
    this.command.value = `x=${this.commands}`
  }

  private run(): void {
    cancelAnimationFrame(this.frame)
    this.lastFrame = performance.now()
    const next = (now: number) => {
      this.playback.tick(now - this.lastFrame)
      this.lastFrame = now
      this.render()
      if (this.playback.isPlaying) this.frame = requestAnimationFrame(next)
      else this.remember()
    }
    this.frame = requestAnimationFrame(next)
  }

  private render(): void {
    const { playback } = this
    const { simulation } = playback
    const { part } = simulation
    this.stage.render(simulation, this.selected)
    this.transport.render(playback)
    this.panel.render(simulation, this.selected)
    this.events.render(simulation)
    this.lamps.render(simulation)
    this.explanation.render(this.asked ?? this.telling(), part)
    this.logs.element.hidden = !part.hasLog
    this.submitForm.hidden = !part.hasLog
    if (part.hasLog) {
      this.logs.render(simulation)
      setText(this.submit, `Submit to server ${this.addressee}`)
    }
    this.renderCaption()
    this.announce()
  }

  /** In motion, what is routine is not worth explaining. */
  private telling(): PlayEvent | null {
    const { events } = this.playback.simulation
    if (!this.playback.isPlaying) return mostTelling(events)
    return events.findLast((event) => !isRoutine(event)) ?? null
  }

  private renderCaption(): void {
    const { time } = this.playback
    const current = this.scene?.captions.findLast(({ at }) => at <= time)
    this.caption.hidden = !current
    setText(this.caption, current?.text ?? '')
  }

  private announce(): void {
    const { events } = this.playback.simulation
    const event = events.findLast(({ event }) => !QUIET.has(event))
    if (event) this.announcer.say(`${sentenceOf(event)}, at ${timeText(event.time)}`)
  }

  private onKey(event: KeyboardEvent): void {
    const target = event.target as Element
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (target.matches('input, select, textarea')) return
    const keys: Record<string, (playback: Playback) => void> = {
      ArrowRight: (playback) => playback.step(),
      ArrowLeft: (playback) => playback.back(),
      '+': (playback) => playback.faster(),
      '-': (playback) => playback.slower(),
      ...(!target.matches('button') && { ' ': togglePlay }),
    }
    const change = keys[event.key]
    if (!change) return
    event.preventDefault()
    this.change(change)
  }

  /** The address always holds what is seen, so that it can be kept or sent. */
  private remember(): void {
    const { recording, time } = this.playback
    const hash = this.scene ? `scene=${this.scene.id}` : toHash(recording, time)
    if (window.location.hash.slice(1) === hash) return
    window.history.replaceState(window.history.state, '', `#${hash}`)
  }

  private async copyLink(): Promise<void> {
    this.remember()
    try {
      await navigator.clipboard.writeText(window.location.href)
      this.announcer.say('The link was copied')
    } catch {
      this.complain('The link could not be copied: take it from the address bar.')
    }
  }

  private complain(text: string): void {
    this.problem.textContent = text
    this.problem.hidden = false
  }
}
