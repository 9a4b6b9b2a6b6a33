import { visible } from '../shared/text.ts'
import { button, h } from './dom.ts'
import type { Timeline } from './timeline.ts'
import { counted, durationText } from './words.ts'

/** The test's name, how it went, where it failed, and how to run it again. */
export function banner(
  timeline: Timeline,
  index: string | null,
  select: (row: number) => void,
): HTMLElement {
  const { header } = timeline
  const { status, failure, openAt } = header
  const title = h(
    'h1',
    {},
    h('span', { class: `status ${status}` }, status),
    ' ',
    visible(header.test),
  )
  return h(
    'div',
    { class: 'banner' },
    index === null ? null : h('a', { href: index }, '← all tests'),
    title,
    h('p', { class: 'facts' }, facts(timeline).join(' · ')),
    header.replay === null ? null : replay(header.replay),
    failure === null ? null : failureBox(failure, openAt, select),
    status === 'unfinished' ? unfinished() : null,
  )
}

function facts({ header, marks, term }: Timeline): string[] {
  const terms = term.reduce((most, value) => Math.max(most, value), 0)
  const { part, network, seed, durationMs, skipped } = header
  return [
    ...(part === null ? [] : [part]),
    ...(network === null ? [] : [`${network} network`]),
    ...(seed === null ? [] : [`seed ${seed}`]),
    ...(durationMs === null ? [] : [durationText(durationMs)]),
    counted(header.rows, 'event'),
    counted(terms, 'term'),
    counted(marks.leader.length, 'leader change'),
    ...(header.source === 'go' ? ['read from go test -v'] : []),
    ...(skipped > 0 ? [`${counted(skipped, 'line')} skipped that are no events`] : []),
  ]
}

function replay(command: string): HTMLElement {
  const copy = button('Copy', () => {
    void navigator.clipboard.writeText(command)
  })
  return h(
    'p',
    { class: 'replay' },
    'Run it again: ',
    h('code', {}, visible(command)),
    ' ',
    copy,
  )
}

function failureBox(
  failure: { readonly message: string; readonly stack: string | null },
  openAt: number | null,
  select: (row: number) => void,
): HTMLElement {
  const message = h('p', {}, ...withPicture(visible(failure.message)))
  const box = h('div', { class: 'failure', role: 'alert' }, message)
  if (openAt !== null) box.append(button('Go to the failure (x)', () => select(openAt)))
  if (failure.stack !== null) {
    const stack = h('pre', { tabindex: 0 }, visible(failure.stack))
    box.append(h('details', {}, h('summary', {}, 'Stack'), stack))
  }
  return box
}

/** A picture of what clients saw is a page of its own, to go to. */
function withPicture(message: string): (HTMLElement | string)[] {
  const [before = '', address, after = ''] = message.split(/(?<=picture: )(file:\S+)/)
  if (address === undefined) return [message]
  return [before, h('a', { href: address }, 'what clients saw'), after]
}

function unfinished(): HTMLElement {
  return h('p', { class: 'failure' }, 'The log ends before the test does.')
}
