import { h } from 'tools/viz/page/dom'
import type { Deed, Setup } from '../sim/action.ts'
import { close, type PartElsewhere } from '../sim/elsewhere.ts'
import type { Mistake } from '../sim/gallery.ts'
import { fromHash, LinkError, toHash } from '../sim/link.ts'
import type { Part } from '../sim/part.ts'
import { Playback } from '../sim/playback.ts'
import { isRoutine, mostTelling } from '../sim/rules.ts'
import { SCENES, type Scene, sceneOf } from '../sim/scenes.ts'
import type { PlayEvent } from '../sim/simulation.ts'
import { Announcer } from './announcer.ts'
import { Board } from './board.ts'
import type { MistakeChooser } from './chooser.ts'
import { Console } from './client.ts'
import { type Change, SetupControls, Transport } from './controls.ts'
import { Events } from './events.ts'
import { Explanation } from './explain.ts'
import { KeyHelp, keyLine, keyOf } from './keys.ts'
import { Lamps } from './lamps.ts'
import { Logs } from './logs.ts'
import { VariantCard } from './mistakes.ts'
import type { Own } from './own.ts'
import { Queue } from './queue.ts'
import { ServerPanel } from './server-panel.ts'
import { Shortcuts } from './shortcuts.ts'
import { Stage } from './stage.ts'
import { setText } from './svg.ts'
import { type Variant, variantOf } from './variant.ts'
import { sentenceOf, timeText } from './words.ts'

export interface AppOptions {
  /** Where a line of a file of the repository can be read. */
  readonly sourceHref: (file: string, line: number) => string
}

/** What is not worth hearing; it can be read in the list. */
const QUIET: ReadonlySet<string> = new Set([
  ...['timer', 'send', 'receive', 'drop', 'append', 'apply', 'persist', 'progress'],
])

/** The playground: one playback, and everything that shows it. */
export class App {
  /** Until something else is asked for. */
  private static readonly first = (SCENES[0] as Scene).recording

  /** Those that must be there before this can show what a link asks for. */
  static partsFor(hash: string): readonly number[] {
    return [App.first.part, ...partsIn(hash)]
  }

  readonly element = h('div', { class: 'playground' })
  private readonly playback: Playback
  private readonly queue = new Queue()
  private readonly setup: SetupControls
  private readonly transport: Transport
  private readonly stage: Stage
  private readonly twinStage: Stage
  private readonly logs = new Logs()
  private readonly twinLogs = new Logs('Logs, of the changed servers')
  private readonly lamps = new Lamps()
  private readonly panel = new ServerPanel((deed) => this.act(deed))
  private readonly console: Console
  private readonly explanation: Explanation
  private readonly events = new Events((event) => this.explain(event))
  private readonly card = new VariantCard({
    leave: () => this.leaveVariant(),
    edit: () => void this.edit(),
    toBreak: () => this.toBreak(),
  })
  private chooser: Promise<MistakeChooser> | null = null
  private own: Promise<Own> | null = null
  private readonly keyHelp = new KeyHelp()
  private readonly shortcuts: Shortcuts
  private readonly board: Board
  private readonly caption = h('p', { class: 'caption', 'aria-live': 'polite' })
  private readonly problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  private readonly alarm = h('p', { class: 'alarm', role: 'alert', hidden: true })
  private readonly announcer = new Announcer()
  private scene: Scene | null = null
  private variant: Variant | null = null
  /** The part as the variant has it. */
  private varied: Part | PartElsewhere | null = null
  /** What came of what was asked for, where there is no scene to speak. */
  private remark = ''
  private selected = 0
  /** The event that somebody asked about. */
  private asked: PlayEvent | null = null
  private lastFrame = 0
  private frame = 0
  private readonly followLink = () => this.follow(window.location.hash)
  private readonly onKey = (event: KeyboardEvent) => this.press(event)

  constructor({ sourceHref }: AppOptions) {
    const actions = {
      load: (setup: Setup) => this.load(setup),
      loadScene: (id: string) => this.loadScene(id),
      change: (change: Change) => this.change(change),
      slide: (time: number) => this.slide(time),
      copyLink: () => void this.copyLink(),
      chooseMistake: () => void this.chooseMistake(),
      edit: () => void this.edit(),
      showKeys: () => this.keyHelp.open(),
    }
    this.playback = new Playback(App.first)
    this.setup = new SetupControls(actions)
    this.transport = new Transport(actions)
    this.console = new Console(
      (deed) => this.act(deed),
      () => this.addressee,
    )
    this.explanation = new Explanation(sourceHref)
    const onStage = {
      select: (id: number) => this.select(id),
      toggleLink: (server: number, other: number) => {
        const isWhole = this.playback.simulation.hasLink(server, other)
        this.act({ do: isWhole ? 'cut' : 'mend', server, other })
      },
    }
    this.stage = new Stage(onStage)
    this.twinStage = new Stage(onStage, 'The changed servers')
    this.shortcuts = new Shortcuts({
      ...actions,
      act: (...deeds) => this.act(...deeds),
      command: () => this.console.submitCommand(),
      complain: (text) => this.complain(text),
    })
    this.board = new Board({
      caption: this.caption,
      stage: this.stage.element,
      twinStage: this.twinStage.element,
      transport: this.transport.element,
      server: this.panel.element,
      console: this.console.element,
      logs: this.logs.element,
      twinLogs: this.twinLogs.element,
      mistake: this.card.element,
      alarm: this.alarm,
      explanation: this.explanation.element,
      events: this.events.element,
    })
    this.lay()
    const linked = window.location.hash
    window.addEventListener('hashchange', this.followLink)
    document.addEventListener('keydown', this.onKey)
    this.loadScene((SCENES[0] as Scene).id)
    this.follow(linked)
  }

  dispose(): void {
    window.removeEventListener('hashchange', this.followLink)
    document.removeEventListener('keydown', this.onKey)
    cancelAnimationFrame(this.frame)
    this.announcer.dispose()
    close(this.varied)
  }

  private lay(): void {
    const foot = h('div', { class: 'foot' }, this.lamps.element, keyLine())
    this.element.append(
      this.setup.element,
      this.problem,
      this.board.element,
      foot,
      this.keyHelp.element,
      this.announcer.element,
    )
  }

  /** Shows what a link asks for. What is none, or a wrong one, leaves the run as it is. */
  private follow(hash: string): void {
    this.orComplain(async () => {
      const target = fromHash(hash)
      if (target === null) return
      if ('scene' in target) {
        this.loadScene(target.scene)
        return
      }
      const { recording, time } = target
      const { mistake: _, change, ...plain } = recording
      const variant = await this.variantIn(recording)
      if (variant) this.begin(null, { ...plain, ...variant.inLink }, variant, time)
      else this.begin(null, plain, null, time)
      if (change === undefined || variant) return
      void this.queue.add(() => {
        this.remark =
          'The code stands as it is: the change that the link carries was left.'
        this.render()
      })
    })
  }

  /** What a link has changed in the code; of a person's own, what was allowed. */
  private async variantIn({
    part,
    mistake,
    change,
  }: Playback['recording']): Promise<Variant | null> {
    if (mistake !== undefined) return variantOf(await mistakeNamed(mistake, part))
    if (change === undefined) return null
    const own = await this.loadOwn()
    return own.ask(change, part)
  }

  private orComplain(follow: () => Promise<void>): void {
    follow().catch((error) => {
      if (!(error instanceof LinkError)) throw error
      this.complain(`This link cannot be followed: ${error.message}.`)
    })
  }

  private loadScene(id: string): void {
    const scene = sceneOf(id)
    if (!scene) throw new LinkError(`there is no scene "${id}"`)
    this.begin(scene, scene.recording, null)
  }

  private load(setup: Setup): void {
    const stays = this.variant !== null && this.variant.part === setup.part
    const variant = stays ? this.variant : null
    this.begin(null, { ...setup, ...variant?.inLink, actions: [] }, variant)
  }

  /** Loaded when somebody asks for it, as the gallery is. */
  private async chooseMistake(): Promise<void> {
    this.chooser ??= import('./chooser.ts').then(({ MistakeChooser }) => {
      const chooser = new MistakeChooser((mistake) => this.loadMistake(mistake))
      this.element.append(chooser.element)
      return chooser
    })
    const chooser = await this.chooser
    await chooser.open(gallery)
  }

  /** Begins with the run that is known to break it, where there is one. */
  private loadMistake(mistake: Mistake): void {
    const target = mistake.run === null ? null : fromHash(mistake.run)
    const own = { part: mistake.part, servers: 5, seed: 1, actions: [] }
    const recording = target && 'recording' in target ? target.recording : own
    this.begin(null, { ...recording, mistake: mistake.name }, variantOf(mistake))
  }

  private async edit(): Promise<void> {
    const own = await this.loadOwn()
    own.edit(this.playback.recording.part, this.variant?.text ?? null)
  }

  /** With all that it needs, which is much: so it comes when somebody asks for it. */
  private loadOwn(): Promise<Own> {
    this.own ??= import('./own.ts').then(({ Own }) => {
      const own = new Own({
        show: (variant) => this.showOwn(variant),
        leave: () => this.leaveVariant(),
      })
      this.element.append(own.element)
      return own
    })
    return this.own
  }

  /** Up to where a rule breaks: in the run at hand, or else in another. */
  private showOwn(variant: Variant): void {
    const { mistake: _, change: __, ...recording } = this.playback.recording
    this.begin(null, { ...recording, ...variant.inLink }, variant)
    this.change(async (playback) => {
      await playback.toBreak()
      if (playback.twin?.violation) return
      const { found, tried } = (await variant.search?.()) ?? { found: null, tried: 0 }
      await playback.goTo(0)
      if (found) {
        this.begin(null, { ...found, ...variant.inLink }, variant)
        this.change((playback) => playback.toBreak())
      } else {
        this.remark =
          `No rule broke: not in half a minute of this run, and not in ${tried} others, ` +
          'in which mistakes of the gallery break one. Do something to the servers.'
      }
    })
  }

  private toBreak(): void {
    this.change(async (playback) => {
      await playback.toBreak()
      if (playback.twin?.violation) return
      this.complain(
        'Half a minute has passed, and no rule broke. Do something, and try again.',
      )
    })
  }

  private leaveVariant(): void {
    const { mistake: _, change: __, ...recording } = this.playback.recording
    this.begin(null, recording, null, this.playback.time)
  }

  private begin(
    scene: Scene | null,
    recording: Playback['recording'],
    variant: Variant | null,
    time = 0,
  ): void {
    this.problem.hidden = true
    void this.queue.add(async () => {
      const varied = variant && (await variant.load())
      close(this.varied)
      this.varied = varied
      this.scene = scene
      this.variant = variant
      this.remark = ''
      this.selected = 0
      this.asked = null
      const stops = scene?.captions.map(({ at }) => at) ?? []
      await this.playback.load(recording, stops, varied)
      await this.playback.goTo(time)
      this.setup.show(recording, scene?.id ?? '')
      this.render()
      this.remember()
    })
  }

  private change(change: Change): void {
    void this.queue.add(async () => {
      this.asked = null
      this.problem.hidden = true
      this.remark = ''
      await change(this.playback)
      this.render()
      if (this.playback.isPlaying) this.run()
      else this.remember()
    })
  }

  private slide(time: number): void {
    this.queue.slide(time, async (time) => {
      this.asked = null
      this.playback.pause()
      await this.playback.goTo(time)
      this.render()
      this.remember()
    })
  }

  private act(...deeds: readonly Deed[]): void {
    const { whyNoMore } = this.playback
    if (whyNoMore !== null) {
      this.complain(`${whyNoMore}: go back, or begin another one.`)
      return
    }
    this.change(async (playback) => {
      this.scene = null
      this.setup.show(playback.recording, '')
      for (const deed of deeds) await playback.act(deed)
      this.remember()
    })
  }

  private select(id: number): void {
    this.selected = id
    void this.queue.add(() => this.render())
  }

  private explain(event: PlayEvent): void {
    void this.queue.add(() => {
      this.asked = event
      this.playback.pause()
      this.render()
    })
  }

  /** Clients look for the leader; without one, they ask anybody. */
  private get addressee(): number {
    return this.playback.simulation.leader ?? this.selected
  }

  private run(): void {
    cancelAnimationFrame(this.frame)
    this.lastFrame = performance.now()
    const next = (now: number) => {
      this.frame = requestAnimationFrame(next)
      // What takes longer than a frame is not asked for twice.
      if (this.queue.isBusy) return
      void this.queue.add(async () => {
        await this.playback.tick(now - this.lastFrame)
        this.lastFrame = now
        this.render()
        if (this.playback.isPlaying) return
        cancelAnimationFrame(this.frame)
        this.remember()
      })
    }
    this.frame = requestAnimationFrame(next)
  }

  private render(): void {
    const { playback, selected } = this
    const { simulation, twin, subject } = playback
    this.board.lay(twin?.part.difference ?? null)
    this.stage.render(simulation, selected)
    if (twin) this.twinStage.render(twin, selected)
    if (this.variant) this.card.render(this.variant)
    this.transport.render(playback)
    this.panel.render(simulation, selected)
    this.console.render(subject)
    this.events.render(subject)
    this.lamps.render(subject)
    this.explanation.render(this.asked ?? this.telling(), subject.part)
    this.logs.element.hidden = !subject.part.hasLog
    this.twinLogs.element.hidden = !subject.part.hasLog
    if (subject.part.hasLog) {
      this.logs.render(simulation)
      if (twin) this.twinLogs.render(twin)
    }
    this.renderCaption()
    this.renderAlarm()
    this.announce()
  }

  /** In motion, what is routine is not worth explaining. */
  private telling(): PlayEvent | null {
    const { events } = this.playback.subject
    if (!this.playback.isPlaying) return mostTelling(events)
    return events.findLast((event) => !isRoutine(event)) ?? null
  }

  private renderCaption(): void {
    const { time } = this.playback
    const current = this.scene?.captions.findLast(({ at }) => at <= time)
    const text = current?.text ?? this.remark
    this.caption.hidden = text === ''
    setText(this.caption, text)
  }

  private renderAlarm(): void {
    const { violation, now } = this.playback.subject
    this.alarm.hidden = violation === null
    if (!violation) return
    const { invariant, message } = violation
    const told = message.startsWith(invariant) ? message : `${invariant}: ${message}`
    setText(this.alarm, `At ${timeText(now)} a rule is broken. ${told}`)
  }

  private announce(): void {
    const { events } = this.playback.subject
    const event = events.findLast(({ event }) => !QUIET.has(event))
    if (event) this.announcer.say(`${sentenceOf(event)}, at ${timeText(event.time)}`)
  }

  private press(event: KeyboardEvent): void {
    const key = keyOf(event, this.element)
    if (key === null) return
    event.preventDefault()
    this.shortcuts.press(key, this.playback)
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

/** No heavier than it must be: the gallery comes when somebody asks for it. */
async function gallery(): Promise<readonly Mistake[]> {
  const { GALLERY } = await import('../sim/gallery.ts')
  return GALLERY
}

/** None where it asks for nothing that can be shown. */
function partsIn(hash: string): readonly number[] {
  try {
    const target = fromHash(hash)
    if (target === null) return []
    const recording =
      'scene' in target ? sceneOf(target.scene)?.recording : target.recording
    return recording ? [recording.part] : []
  } catch (error) {
    if (error instanceof LinkError) return []
    throw error
  }
}

/** @throws LinkError when the gallery has no such mistake in this part. */
async function mistakeNamed(name: string, part: number): Promise<Mistake> {
  const found = (await gallery()).find((mistake) => mistake.name === name)
  if (found?.part === part) return found
  throw new LinkError(`part ${part} has no mistake "${name}"`)
}
