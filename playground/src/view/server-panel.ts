import { button, h } from 'tools/viz/page/dom'
import type { Deed } from '../sim/action.ts'
import type { Run } from '../sim/simulation.ts'
import { entries, isAble } from './words.ts'

/** What can be done to the server that is selected. */
export class ServerPanel {
  readonly element = h('section', {
    class: 'server',
    'aria-label': 'The selected server',
  })
  private readonly act: (deed: Deed) => void
  private readonly title = h('h3')
  private readonly facts = h('dl', { class: 'facts' })
  private readonly timeout: HTMLButtonElement
  private readonly snapshot: HTMLButtonElement
  private readonly remove: HTMLButtonElement
  private readonly lead: HTMLButtonElement
  private readonly add: HTMLButtonElement
  private readonly faults: HTMLButtonElement[] = []
  private readonly row: HTMLElement
  private readonly members: HTMLElement
  private readonly links = h('div', { class: 'row links' })
  private readonly forgetful = h(
    'p',
    { class: 'note' },
    'Parts 1 and 2 keep nothing over a crash, and a server that forgets breaks rules: see ' +
      'the scene “What a crash forgets”. From part 3 on, servers crash.',
  )
  private selected = 0
  private simulation: Run | null = null

  constructor(act: (deed: Deed) => void) {
    this.act = act
    this.timeout = button('Time out now', () => {
      this.act({ do: 'timeout', server: this.selected })
    })
    this.snapshot = button('Take a snapshot', () => {
      this.act({ do: 'snapshot', server: this.selected })
    })
    this.remove = button('Remove', () => {
      this.act({ do: 'remove', server: this.selected })
    })
    this.lead = button('Let it lead', () => {
      this.act({ do: 'lead', server: this.selected })
    })
    this.add = button('Add a server', () => this.act({ do: 'add' }))
    this.row = h('div', { class: 'row' }, this.timeout, this.snapshot)
    this.members = h('div', { class: 'row' }, this.lead, this.remove, this.add)
    const head = h('div', { class: 'head' }, this.title, this.facts)
    this.element.append(head, this.row, this.members, this.links, this.forgetful)
  }

  render(simulation: Run, selected: number): void {
    this.simulation = simulation
    this.selected = selected
    const { role, term } = simulation.view(selected)
    const condition = simulation.condition(selected)
    this.title.textContent = `Server ${selected}: ${role} in term ${term}`
    this.timeout.disabled = condition.electionTimer === null || !isAble(condition)
    this.timeout.title =
      role === 'Leader' ? 'A leader has no election timer' : 'Its election timer fires'
    const canTake = simulation.canTakeSnapshot(selected)
    this.snapshot.hidden = canTake === null
    this.snapshot.disabled = !canTake
    this.snapshot.title = 'Of what it has applied; of nothing, where nothing is new'
    this.renderChanges(simulation)
    this.forgetful.hidden = simulation.part.lab.storage !== undefined
    this.renderFaults(simulation)
    this.renderLinks(simulation)
    this.renderFacts(simulation)
  }

  private renderChanges(simulation: Run): void {
    const changes = simulation.changesAt(this.selected)
    this.members.hidden = changes === null
    this.lead.disabled = !changes?.canLead
    this.lead.title = 'The leader asks it to stand for election at once'
    this.remove.disabled = !changes?.canRemove
    this.remove.title = 'From the cluster, for good'
    this.add.disabled = !changes?.canAdd
    this.add.title = 'A new one, which learns first'
  }

  private renderFaults(simulation: Run): void {
    const able = simulation.buttonsAt(this.selected)
    while (this.faults.length < able.length) {
      const i = this.faults.length
      this.faults.push(button('', () => this.press(i)))
      this.row.append(...this.faults)
    }
    for (const [i, button] of this.faults.entries()) {
      button.hidden = i >= able.length
      button.textContent = able[i]?.text ?? ''
      button.disabled = !able[i]?.isAble
    }
  }

  private renderLinks(simulation: Run): void {
    const others = simulation.ids.filter((id) => id !== this.selected)
    const buttons = [...this.links.querySelectorAll('button')]
    if (buttons.length !== others.length) {
      buttons.length = 0
      for (const [i] of others.entries()) {
        buttons.push(button('', () => this.toggleLink(i), { class: 'link-button' }))
      }
      this.links.replaceChildren(
        h('span', { class: 'label' }, 'Cut the link to'),
        ...buttons,
      )
    }
    for (const [i, other] of others.entries()) {
      const isCut = !simulation.hasLink(this.selected, other)
      buttons[i]?.setAttribute('aria-pressed', String(isCut))
      buttons[i]?.setAttribute('aria-label', `Cut the link to server ${other}`)
      if (buttons[i]) buttons[i].textContent = String(other)
    }
  }

  private renderFacts(simulation: Run): void {
    const view = simulation.view(this.selected)
    const { votedFor, lastIndex, commitIndex, lastApplied, members } = view
    const facts: [string, string][] = [['votedFor', String(votedFor ?? 'nobody')]]
    if (simulation.part.hasLog) {
      facts.push(['log', entries(lastIndex)])
      facts.push(
        ['commitIndex', String(commitIndex)],
        ['lastApplied', String(lastApplied)],
      )
    }
    if (members) facts.push(['members', members.join(', ') || 'nobody'])
    const text = facts.flat().join()
    if (this.facts.dataset.text === text) return
    this.facts.dataset.text = text
    this.facts.replaceChildren(
      ...facts.map(([name, value]) =>
        h('div', {}, h('dt', {}, name), h('dd', {}, value)),
      ),
    )
  }

  private press(position: number): void {
    const pressed = this.simulation?.buttonsAt(this.selected)[position]
    if (pressed) this.act({ do: pressed.word, server: this.selected })
  }

  private toggleLink(position: number): void {
    const { simulation, selected } = this
    const other = simulation?.ids.filter((id) => id !== selected)[position]
    if (!simulation || other === undefined) return
    const verb = simulation.hasLink(selected, other) ? 'cut' : 'mend'
    this.act({ do: verb, server: selected, other })
  }
}
