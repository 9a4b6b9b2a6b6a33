/** A person's own change to the code: written here, or brought by a link. */
import { button, h } from 'tools/viz/page/dom'
import {
  type Change,
  changeIn,
  changeTo,
  fileOf,
  originalOf,
  partWith,
} from '../own/index.ts'
import type { Problem } from '../own/protocol.ts'
import type { Recording } from '../sim/action.ts'
import { fromHash } from '../sim/link.ts'
import runs from '../sim/runs.json' with { type: 'json' }
import { Editor } from './editor.ts'
import { differenceLines } from './mistakes.ts'
import type { Variant } from './variant.ts'

/** When all is in order again, a cluster has this long to show that it works, in ms. */
const PEACE_MS = 6_000

export interface OwnActions {
  /** Shows the part with a change. */
  readonly show: (variant: Variant) => void
  /** There is no change any more. */
  readonly leave: () => void
}

export class Own {
  readonly element = h('div')
  private readonly actions: OwnActions
  private readonly editor: Editor
  private readonly consent = h('dialog', {
    class: 'consent',
    'aria-label': 'A change that a link carries',
  })

  constructor(actions: OwnActions) {
    this.actions = actions
    this.editor = new Editor({ run: (part, text) => this.run(part, text) })
    this.element.append(this.editor.element, this.consent)
  }

  /** @param text of the part's raft.ts, to go on from; null for the one that stands. */
  edit(part: number, text: string | null): void {
    const original = originalOf(part)
    this.editor.open(part, fileOf(part), original, text ?? original)
  }

  /** Asks before anything of it runs. @returns null for no. @throws LinkError */
  async ask(packed: string, part: number): Promise<Variant | null> {
    const change = await changeIn(packed, part)
    const isAllowed = await new Promise<boolean>((resolve) => {
      const answer = (is: boolean) => {
        resolve(is)
        this.consent.close()
      }
      this.consent.onclose = () => resolve(false)
      this.consent.replaceChildren(
        h('h3', {}, 'This link carries a change to the code'),
        h(
          'p',
          {},
          `Somebody has changed ${change.file}. Nothing of it has run. If you let it, it runs ` +
            'in your browser, apart from this page, and reaches nothing beyond.',
        ),
        differenceLines(change.difference, 'The change'),
        h(
          'div',
          { class: 'row' },
          button('Run it', () => answer(true), { class: 'primary' }),
          button('Leave it', () => answer(false)),
        ),
      )
      this.consent.showModal()
    })
    return isAllowed ? this.variantOf(change) : null
  }

  private async run(part: number, text: string): Promise<Problem | null> {
    const change = await changeTo(part, text)
    if (!change) {
      this.actions.leave()
      return null
    }
    const own = await partWith(change)
    const problem = await own.check()
    own.close()
    if (!problem) this.actions.show(this.variantOf(change))
    return problem
  }

  private variantOf(change: Change): Variant {
    const { part, difference, packed, text } = change
    return {
      part,
      inLink: { change: packed },
      title: 'The change',
      story: '',
      note: 'It runs in a worker of its own, beside the part as it stands.',
      difference,
      run: null,
      text,
      load: () => partWith(change),
      search: () => search(change),
    }
  }
}

/** Goes through the runs in which mistakes of the gallery break a rule, up to one that does. */
async function search(
  change: Change,
): Promise<{ readonly found: Recording | null; readonly tried: number }> {
  const own = await partWith(change)
  const targets = Object.values(runs).map((run) => fromHash(run))
  const recordings = targets.flatMap((target) => {
    return target && 'recording' in target && target.recording.part === change.part
      ? [target.recording]
      : []
  })
  try {
    for (const [i, { mistake: _, ...recording }] of recordings.entries()) {
      const run = own.begin(recording)
      for (const action of recording.actions) {
        await run.runTo(action.at)
        run.perform(action)
      }
      await run.runTo((recording.actions.at(-1)?.at ?? 0) + PEACE_MS)
      if (run.violation) return { found: recording, tried: i + 1 }
    }
    return { found: null, tried: recordings.length }
  } finally {
    own.close()
  }
}
