import { button, h, listen } from 'tools/viz/page/dom'
import { MAX_SEED, type Setup, SIZES } from '../sim/action.ts'
import { PART_NUMBERS } from '../sim/part.ts'
import type { Playback } from '../sim/playback.ts'
import { SCENES } from '../sim/scenes.ts'
import { setText } from './svg.ts'
import { timeText } from './words.ts'

export interface ControlActions {
  readonly load: (setup: Setup) => void
  readonly loadScene: (id: string) => void
  /** Changes the playback, and draws it. */
  readonly change: (change: Change) => void
  /** To a time of the run so far. */
  readonly slide: (time: number) => void
  readonly copyLink: () => void
  readonly chooseMistake: () => void
  readonly edit: () => void
  readonly showKeys: () => void
}

/** What is done with time. */
export type Change = (playback: Playback) => void | Promise<void>

/** Which cluster: a scene, or a part, a number of servers and a seed. */
export class SetupControls {
  readonly element = h('div', { class: 'setup' })
  private readonly scene = h('select')
  private readonly part = h('select')
  private readonly servers = h('select')
  private readonly seed = h('input', { type: 'number', min: 0, max: MAX_SEED, step: 1 })

  constructor(actions: ControlActions) {
    this.scene.append(
      h('option', { value: '' }, 'none: try it yourself'),
      ...SCENES.map(({ id, title }) => h('option', { value: id }, title)),
    )
    this.part.append(
      ...PART_NUMBERS.map((number) => h('option', { value: number }, `part ${number}`)),
    )
    this.servers.append(
      ...SIZES.map((size) => h('option', { value: size }, String(size))),
    )
    const load = () => actions.load(this.read())
    for (const field of [this.part, this.servers, this.seed]) {
      listen(field, { onchange: load })
    }
    listen(this.scene, {
      onchange: () => {
        if (this.scene.value === '') load()
        else actions.loadScene(this.scene.value)
      },
    })
    const dice = button('Other seed', () => {
      this.seed.value = String((Number(this.seed.value) + 1) % MAX_SEED)
      load()
    })
    this.element.append(
      h('label', { class: 'wide' }, h('span', {}, 'Scene'), this.scene),
      h('label', {}, h('span', {}, 'Code'), this.part),
      h('label', {}, h('span', {}, 'Servers'), this.servers),
      h('label', {}, h('span', {}, 'Seed'), this.seed),
      dice,
      button('Break it …', actions.chooseMistake, {
        title: 'A mistake of the gallery runs beside the code as it stands',
      }),
      button('Edit …', actions.edit, {
        title: 'The code, to write in: it runs beside the code as it stands',
      }),
      button('Copy link', actions.copyLink),
      button('Keys', actions.showKeys, { class: 'for-keyboards' }),
    )
  }

  show({ part, servers, seed }: Setup, scene: string): void {
    this.part.value = String(part)
    this.servers.value = String(servers)
    this.seed.value = String(seed)
    this.scene.value = scene
  }

  private read(): Setup {
    const seed = Math.round(Number(this.seed.value))
    return {
      part: Number(this.part.value),
      servers: Number(this.servers.value),
      seed: Number.isFinite(seed) ? Math.min(Math.max(seed, 0), MAX_SEED) : 1,
    }
  }
}

/** Time: play, step, back, faster, slower. */
export class Transport {
  readonly element = h('div', { class: 'transport' })
  private readonly play: HTMLButtonElement
  private readonly clock = h('output', { class: 'clock' })
  private readonly speed = h('span', { class: 'speed' })
  private readonly slider = h('input', { type: 'range', min: 0, step: 0.1 })

  constructor({ change, slide }: Pick<ControlActions, 'change' | 'slide'>) {
    this.play = button('Play', () => change(togglePlay), { class: 'primary' })
    listen(this.slider, {
      oninput: () => {
        slide(Number(this.slider.value))
      },
    })
    this.slider.setAttribute('aria-label', 'Time')
    this.element.append(
      h(
        'div',
        { class: 'row' },
        button('Start', () => change(toStart), { title: 'Back to the beginning' }),
        button('Back', () => change((p) => p.back()), { title: 'One event back (←)' }),
        this.play,
        button('Step', () => change((p) => p.step()), { title: 'One event on (→)' }),
        button('Slower', () => change((p) => p.slower()), { title: 'Slower (−)' }),
        button('Faster', () => change((p) => p.faster()), { title: 'Faster (+)' }),
      ),
      h('div', { class: 'row' }, this.clock, this.slider, this.speed),
    )
  }

  render(playback: Playback): void {
    setText(this.play, playback.isPlaying ? 'Pause' : 'Play')
    this.play.disabled = playback.simulation.isOver
    setText(this.clock, timeText(playback.time))
    setText(this.speed, speedText(playback.speed))
    this.slider.max = String(Math.max(playback.furthest, 1))
    this.slider.value = String(playback.time)
    this.slider.setAttribute('aria-valuetext', timeText(playback.time))
  }
}

export function togglePlay(playback: Playback): void {
  if (playback.isPlaying) playback.pause()
  else playback.play()
}

function toStart(playback: Playback): Promise<void> {
  playback.pause()
  return playback.goTo(0)
}

function speedText(speed: number): string {
  return speed === 1000 ? 'real time' : `${1000 / speed}× slowed`
}
