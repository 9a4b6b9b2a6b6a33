import { familyOf } from 'tools/testlog/rpc'
import { isOfClient } from '../sim/rules.ts'
import { type Flight, LOST_LINGERS_MS, type Run } from '../sim/simulation.ts'
import { s, set, setText } from './svg.ts'
import { describe, statusOf } from './words.ts'

export interface StageActions {
  readonly select: (id: number) => void
  readonly toggleLink: (from: number, to: number) => void
}

/** All in units of the drawing. */
const WIDTH = 460
const HEIGHT = 440
/** Where a client stands, when one takes part. */
const CLIENT = { x: 38, y: 404 }
const CLIENT_SIZE = 26
const CENTER = { x: WIDTH / 2, y: 212 }
const RING = 150
const NODE = 40
const TIMER = 48
/** Messages keep to the right of their link, so that those that meet can be told apart. */
const KEEP_RIGHT = 7

/** Where a message was lost: before it was on its way, or shortly before its end. */
const LOST_AT_ONCE = 0.16
const LOST_AT_END = 0.8

interface Point {
  readonly x: number
  readonly y: number
}

interface Node {
  readonly group: SVGGElement
  readonly timer: SVGCircleElement
  readonly role: SVGTextElement
  readonly term: SVGTextElement
  readonly status: SVGTextElement
}

interface Link {
  readonly from: number
  readonly to: number
  readonly group: SVGGElement
}

interface Mark {
  readonly group: SVGGElement
  readonly shape: SVGPathElement
  readonly sign: SVGTextElement
  readonly trail: SVGLineElement
}

/** The cluster as a ring of servers, with the messages between them. */
export class Stage {
  readonly element = s('svg', {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    class: 'stage',
    role: 'group',
    'aria-label': 'The servers',
  })
  private readonly actions: StageActions
  private readonly stillness: MediaQueryList
  private nodes: Node[] = []
  private links: Link[] = []
  private readonly marks: Mark[] = []
  private readonly client = s(
    'g',
    { class: 'client', transform: `translate(${CLIENT.x} ${CLIENT.y})` },
    s('rect', {
      x: -CLIENT_SIZE,
      y: -CLIENT_SIZE / 1.5,
      width: 2 * CLIENT_SIZE,
      height: CLIENT_SIZE * 1.33,
      rx: 6,
    }),
    s('text', { y: 4 }, 'client'),
  )
  private readonly messages = s('g', { class: 'messages', 'aria-hidden': 'true' })

  constructor(actions: StageActions, label = 'The servers') {
    this.element.setAttribute('aria-label', label)
    this.actions = actions
    this.stillness = window.matchMedia('(prefers-reduced-motion: reduce)')
  }

  /** Draws what time changes: called at every frame. */
  render(simulation: Run, selected: number): void {
    if (this.nodes.length !== simulation.ids.length) this.build(simulation)
    for (const id of simulation.ids) this.renderNode(simulation, id, selected)
    for (const link of this.links) this.renderLink(simulation, link)
    set(this.client, { class: simulation.clientId === null ? 'client idle' : 'client' })
    this.renderMessages(simulation)
  }

  private build(simulation: Run): void {
    const { ids } = simulation
    this.links = ids.flatMap((from) => {
      return ids.filter((to) => to > from).map((to) => this.buildLink(from, to))
    })
    this.nodes = ids.map((id) => this.buildNode(id))
    this.element.replaceChildren(
      s('g', { class: 'links' }, ...this.links.map(({ group }) => group)),
      s('g', {}, ...this.nodes.map(({ group }) => group)),
      this.client,
      this.messages,
    )
    for (const [id, { group }] of this.nodes.entries()) {
      const { x, y } = this.place(id)
      group.setAttribute('transform', `translate(${x} ${y})`)
    }
    for (const { from, to, group } of this.links) {
      const [a, b] = [this.place(from), this.place(to)]
      for (const line of group.querySelectorAll('line')) {
        set(line, { x1: a.x, y1: a.y, x2: b.x, y2: b.y })
      }
      const middle = `translate(${(a.x + b.x) / 2} ${(a.y + b.y) / 2})`
      group.querySelector('path')?.setAttribute('transform', middle)
    }
  }

  private buildNode(id: number): Node {
    const timer = s('circle', { r: TIMER, class: 'timer', pathLength: 100 })
    const role = s('text', { class: 'role', y: 8 })
    const term = s('text', { class: 'term', y: 24 })
    const status = s('text', { class: 'status', y: TIMER + 16 })
    const group = s(
      'g',
      { class: 'node', tabindex: 0, role: 'button' },
      s('circle', { r: TIMER + 6, class: 'halo' }),
      s('circle', { r: TIMER, class: 'timer-track' }),
      timer,
      s('circle', { r: NODE, class: 'body' }),
      // The spaces are for those who hear it, or say what they see to press it.
      s('text', { class: 'id', y: -9 }, String(id)),
      ' ',
      role,
      ' ',
      term,
      ' ',
      status,
    )
    group.addEventListener('click', () => this.actions.select(id))
    group.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      event.stopPropagation()
      this.actions.select(id)
    })
    return { group, timer, role, term, status }
  }

  private buildLink(from: number, to: number): Link {
    const group = s(
      'g',
      { class: 'link' },
      s('title', {}, `The link between ${from} and ${to}: click to cut or mend it`),
      s('line', { class: 'wire' }),
      s('path', { class: 'gap', d: 'M-6,-6 L6,6 M6,-6 L-6,6' }),
      s('line', { class: 'handle' }),
    )
    group.addEventListener('click', () => this.actions.toggleLink(from, to))
    return { from, to, group }
  }

  private renderNode(simulation: Run, id: number, selected: number): void {
    const node = this.nodes[id]
    if (!node) return
    const { role, term } = simulation.view(id)
    const { isCrashed, isPaused, isConnected, electionTimer } = simulation.condition(id)
    const classes = ['node', `role-${role.toLowerCase()}`]
    if (isPaused) classes.push('paused')
    if (isCrashed) classes.push('crashed')
    if (!isConnected) classes.push('disconnected')
    if (simulation.standing(id)) classes.push('outsider')
    if (id === selected) classes.push('selected')
    set(node.group, {
      class: classes.join(' '),
      'aria-label': describe(simulation, id),
      'aria-pressed': String(id === selected),
    })
    setText(node.role, role)
    setText(node.term, `term ${term}`)
    setText(node.status, statusOf(simulation, id))
    let left = 0
    if (electionTimer && !isCrashed) {
      const { startedAt, dueAt } = electionTimer
      left = Math.max(0, ((dueAt - simulation.now) / (dueAt - startedAt)) * 100)
    }
    const rounded = this.stillness.matches ? Math.ceil(left / 25) * 25 : left
    set(node.timer, { 'stroke-dasharray': `${rounded.toFixed(1)} 100` })
  }

  private renderLink(simulation: Run, { from, to, group }: Link): void {
    const isCut = !simulation.hasLink(from, to) || !simulation.hasLink(to, from)
    const isLoose = [from, to].some((id) => !simulation.condition(id).isConnected)
    set(group, { class: `link${isCut ? ' cut' : ''}${isLoose ? ' loose' : ''}` })
  }

  private renderMessages(simulation: Run): void {
    const { flights } = simulation
    while (this.marks.length < flights.length) this.marks.push(this.newMark())
    for (const [i, mark] of this.marks.entries()) {
      const flight = flights[i]
      if (flight) this.renderMessage(simulation.now, flight, mark)
      else set(mark.group, { class: 'idle' })
    }
  }

  private newMark(): Mark {
    const shape = s('path')
    const sign = s('text', { y: 4 })
    const trail = s('line', { class: 'trail' })
    const group = s('g', {}, trail, s('g', { class: 'at' }, shape, sign))
    this.messages.append(group)
    return { group, shape, sign, trail }
  }

  private renderMessage(now: number, flight: Flight, mark: Mark): void {
    const { rpc, sentAt, arrivesAt, lostAt } = flight
    const look = lookOf(flight)
    let share = (now - sentAt) / Math.max(1, arrivesAt - sentAt)
    if (lostAt !== null) share = lostAt === sentAt ? LOST_AT_ONCE : LOST_AT_END
    // Who wants no motion sees where a message goes, and not how it gets there.
    else if (this.stillness.matches) share = 0.5
    const { x, y, from, to } = this.onTheWay(rpc.from, rpc.to, share)
    const fading = lostAt === null ? 1 : 1 - (now - lostAt) / LOST_LINGERS_MS
    set(mark.group, { class: look.classes, opacity: fading.toFixed(2) })
    set(mark.shape, { d: look.path })
    setText(mark.sign, look.sign)
    const at = mark.shape.parentElement
    if (at) set(at, { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` })
    set(mark.trail, {
      x1: from.x.toFixed(1),
      y1: from.y.toFixed(1),
      x2: (this.stillness.matches ? to.x : x).toFixed(1),
      y2: (this.stillness.matches ? to.y : y).toFixed(1),
    })
  }

  private onTheWay(fromId: number, toId: number, share: number) {
    const [a, b] = [this.place(fromId), this.place(toId)]
    const length = Math.hypot(b.x - a.x, b.y - a.y)
    const unit = { x: (b.x - a.x) / length, y: (b.y - a.y) / length }
    const point = (distance: number): Point => ({
      x: a.x + unit.x * distance - unit.y * KEEP_RIGHT,
      y: a.y + unit.y * distance + unit.x * KEEP_RIGHT,
    })
    const way = length - 2 * NODE
    const from = point(NODE)
    return { ...point(NODE + way * Math.min(1, share)), from, to: point(NODE + way) }
  }

  private place(id: number): Point {
    if (id >= this.nodes.length) return CLIENT
    const angle = (2 * Math.PI * id) / this.nodes.length - Math.PI / 2
    return {
      x: CENTER.x + RING * Math.cos(angle),
      y: CENTER.y + RING * Math.sin(angle),
    }
  }
}

const DIAMOND = 'M0,-9 L9,0 L0,9 L-9,0 Z'
const circle = (r: number) =>
  `M${-r},0 a${r},${r} 0 1,0 ${2 * r},0 a${r},${r} 0 1,0 ${-2 * r},0`
const SQUARE = 'M-8,-8 H8 V8 H-8 Z'
const CROSS = 'M-6,-6 L6,6 M6,-6 L-6,6'

/** What a service says became of a request; nobody knows of the rest. */
const SIGNS: ReadonlyMap<unknown, string> = new Map([
  ['done', '✓'],
  ['not done', '✗'],
])

/** A message's shape, so that nobody has to go by its colour. */
function lookOf({ rpc, lostAt }: Flight): {
  classes: string
  path: string
  sign: string
} {
  const { method, kind, args } = rpc
  if (lostAt !== null) return { classes: 'lost', path: CROSS, sign: '' }
  if (kind === 'request' && isOfClient(rpc)) {
    return { classes: 'service request', path: SQUARE, sign: method.charAt(0) }
  }
  if (isOfClient(rpc)) {
    const sign = SIGNS.get(args.outcome) ?? '?'
    return { classes: 'service reply', path: SQUARE, sign }
  }
  const family = familyOf(method)
  const isVote = family === 'vote'
  const classes = `${family} ${kind}`
  if (family === 'other') return { classes, path: SQUARE, sign: method.charAt(0) }
  if (kind === 'reply') {
    const isYes = (isVote ? args.voteGranted : args.success) === true
    const path = isVote ? DIAMOND : circle(isYes ? 5 : 7)
    return { classes, path, sign: isVote ? (isYes ? '✓' : '✗') : isYes ? '' : '✗' }
  }
  if (isVote) return { classes, path: DIAMOND, sign: '?' }
  const entries = Array.isArray(args.entries) ? args.entries.length : 0
  if (entries === 0) return { classes, path: circle(5), sign: '' }
  return { classes, path: circle(9), sign: String(entries) }
}
