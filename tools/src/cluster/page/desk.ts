import { button, h } from '../../viz/page/dom.ts'
import { counted } from '../../viz/page/words.ts'
import type { Saved, Seen, SeenServer } from '../seen.ts'
import { Card } from './card.ts'
import { Charts } from './charts.ts'
import { Console } from './console.ts'
import { send } from './send.ts'

/** All beside the timeline: the servers, what can be done to them, and what they do. */
export class Desk {
  readonly element: HTMLElement
  private readonly title = h('h1')
  private readonly state = h('p', { class: 'state', role: 'status' })
  private readonly cards = h('div', { class: 'cards' })
  private readonly byId = new Map<number, Card>()
  private readonly charts = new Charts()
  private readonly console = new Console()
  private readonly said = h('p', { class: 'said', role: 'status' })
  private readonly verdicts = h('p', { class: 'verdicts' })
  private readonly chaos: HTMLButtonElement
  private readonly add: HTMLButtonElement
  private isChaos = false

  constructor() {
    this.chaos = button('Chaos', () => this.act({ act: 'chaos', on: !this.isChaos }), {
      title: 'Lets things break by themselves, while clients are busy',
    })
    this.add = button('Add a server', () => this.act({ act: 'add' }), {
      title: 'Starts one more, which asks the others to add it',
    })
    const tools = h(
      'div',
      { class: 'tools', role: 'group', 'aria-label': 'The whole cluster' },
      button('Mend all', () => this.act({ act: 'heal' }), {
        title: 'Starts, continues, lets back and mends whatever is not',
      }),
      this.chaos,
      this.add,
      button('Save', () => void this.save(), {
        title: 'Writes what was seen as a timeline and a history',
      }),
    )
    this.element = h(
      'div',
      { class: 'desk' },
      h('header', {}, h('div', {}, this.title, this.state), tools),
      h('div', { class: 'left' }, this.cards, this.charts.element),
      h('div', { class: 'right' }, this.console.element, this.verdicts, this.said),
    )
  }

  show(seen: Seen): void {
    const { part, servers, seconds, isChaos, hasMembers } = seen
    const there = servers.filter(({ condition }) => condition !== 'is gone')
    const ids = there.map(({ id }) => id)
    this.title.textContent = `${counted(there.length, 'server')} of ${part}`
    this.state.replaceChildren(...stateOf(there))
    for (const server of servers) {
      const others = ids.filter((id) => id !== server.id)
      this.cardOf(server.id, hasMembers).show(server, others)
    }
    this.charts.show(seconds)
    this.console.offer(ids)
    this.add.hidden = !hasMembers
    this.isChaos = isChaos
    this.chaos.setAttribute('aria-pressed', String(isChaos))
    this.showVerdicts(seen)
  }

  showGone(): void {
    this.say('The command that runs the cluster has ended.')
  }

  private cardOf(id: number, hasMembers: boolean): Card {
    let card = this.byId.get(id)
    if (!card) {
      card = new Card(id, hasMembers, (action) => this.act(action))
      this.byId.set(id, card)
      this.cards.append(card.element)
    }
    return card
  }

  private showVerdicts({ rounds, isChaos }: Seen): void {
    const latest = rounds.slice(-3).map(({ number, verdict, counts, faults }) => {
      const text = `Round ${number}: ${verdict} (${counts.done} done, ${counts.unknown} unknown, ${faults} faults). `
      return h('span', { class: verdict === 'linearizable' ? 'fine' : 'wrong' }, text)
    })
    if (isChaos && latest.length === 0) {
      this.verdicts.textContent = 'Chaos: the first verdict comes after some 20 seconds.'
    } else this.verdicts.replaceChildren(...latest)
  }

  private act(action: object): void {
    this.say('')
    send('act', action).catch((error: Error) =>
      this.say(`It was not done: ${error.message}.`),
    )
  }

  private async save(): Promise<void> {
    this.say('Writing …')
    try {
      const saved = (await send('save')) as Saved
      const link = (name: string, text: string) =>
        h('a', { href: `${saved.folder}/${name}`, target: '_blank' }, text)
      this.said.replaceChildren(
        `Saved in ${saved.folder}: `,
        link(saved.timeline, 'timeline'),
      )
      if (saved.history) this.said.append(', ', link(saved.history, 'history'))
    } catch (error) {
      this.say(`It was not saved: ${(error as Error).message}.`)
    }
  }

  private say(text: string): void {
    this.said.textContent = text
  }
}

/** Who leads, and whether those who count can decide anything. */
function stateOf(all: readonly SeenServer[]): (HTMLElement | string)[] {
  const servers = all.filter(
    ({ standing }) => standing === null || standing === 'member',
  )
  const majority = Math.floor(servers.length / 2) + 1
  const up = servers.filter(
    ({ condition, isBlocked }) => condition === 'runs' && !isBlocked,
  )
  const leader = leaderOf(all)
  const lamps = servers.map((server) => {
    const isUp = up.includes(server)
    return h('i', { class: `lamp ${isUp ? 'up' : ''}`, 'aria-hidden': 'true' })
  })
  const who = leader
    ? `Server ${leader.id} leads term ${leader.status?.term}.`
    : 'Nobody leads.'
  const can =
    up.length >= majority
      ? `${up.length} of ${servers.length} can speak; ${majority} are a majority.`
      : `${up.length} of ${servers.length} can speak, and ${majority} would be a majority: nothing is decided.`
  return [h('span', { class: 'lamps' }, ...lamps), h('b', {}, who), ` ${can}`]
}

/** The leader of the highest term that anybody knows. */
function leaderOf(servers: readonly SeenServer[]): SeenServer | null {
  const terms = servers.map(({ status }) => status?.term ?? 0)
  const last = Math.max(...terms)
  const leads = ({ status }: SeenServer) =>
    status?.role === 'Leader' && status.term === last
  return servers.find(leads) ?? null
}
