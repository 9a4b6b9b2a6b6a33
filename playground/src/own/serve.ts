/** What goes on in the worker: runs of a person's own code, as the page asks for them. */
import { Simulation } from '../sim/simulation.ts'
import { LoadError, loadPart } from './compile.ts'
import type { Reply, Request, ServerState, State } from './protocol.ts'

/** Simulated time from one sign of life to the next, in ms. */
const SLICE_MS = 250

export class Bench {
  private readonly reply: (reply: Reply) => void
  private readonly evaluate: (code: string) => unknown
  private lab: ReturnType<typeof loadPart> | null = null
  private run: Simulation | null = null
  private told = 0

  constructor(reply: (reply: Reply) => void, evaluate: (code: string) => unknown) {
    this.reply = reply
    this.evaluate = evaluate
  }

  async answer(request: Request): Promise<void> {
    try {
      await this.carryOut(request)
    } catch (error) {
      this.reply({ kind: 'failed', text: (error as Error)?.message ?? String(error) })
    }
  }

  private async carryOut(request: Request): Promise<void> {
    switch (request.do) {
      case 'load':
        this.reply({ kind: 'loaded', problem: this.load(request) })
        return
      case 'begin':
        this.begin(request.setup)
        break
      case 'perform':
        this.run?.perform(request.action)
        break
      case 'runTo':
        await this.runTo(request.time)
        break
      case 'step':
        this.replyState((await this.run?.step(request.end)) ?? false)
        return
    }
    this.replyState(false)
  }

  private load({ part, texts }: Request & { do: 'load' }) {
    try {
      this.lab = loadPart(part, texts, this.evaluate)
      return null
    } catch (error) {
      if (error instanceof LoadError) return error.problem
      throw error
    }
  }

  private begin(setup: Simulation['setup']): void {
    if (!this.lab) throw new Error('nothing is loaded')
    this.told = 0
    this.run = new Simulation(setup, {
      ...{ number: setup.part, sources: [], lab: this.lab, difference: null },
      hasLog: this.lab.submit !== undefined,
    })
  }

  private async runTo(time: number): Promise<void> {
    const { run } = this
    if (!run) return
    while (run.now + SLICE_MS < time && !run.isOver) {
      await run.runTo(run.now + SLICE_MS)
      this.reply({ kind: 'works' })
    }
    await run.runTo(time)
  }

  private replyState(hasHappened: boolean): void {
    const { run } = this
    if (!run) return
    const state = stateOf(run, this.told)
    this.told = run.events.length
    const reply = { kind: 'state', state, hasHappened } as const
    try {
      this.reply(reply)
    } catch {
      // A function, say, cannot be sent; what is left without it can.
      this.reply(JSON.parse(JSON.stringify(reply)))
    }
  }
}

function stateOf(run: Simulation, told: number): State {
  const { now, flights, requests, clientId, answersHeld, violation } = run
  return {
    ...{ now, flights, requests, clientId, answersHeld },
    events: run.events.slice(told),
    servers: run.ids.map((id) => serverState(run, id)),
    members: [...run.members],
    violation: violation && {
      invariant: violation.invariant,
      // Without the rule's name, which a violation puts before what it is given.
      text: violation.message.slice(`${violation.invariant}: `.length),
    },
  }
}

function serverState(run: Simulation, id: number): ServerState {
  const view = run.view(id)
  const { term, votedFor, role, commitIndex, lastApplied } = view
  const { firstIndex, lastIndex, members, snapshots, waiting } = view
  const count = Math.max(0, lastIndex - firstIndex + 1)
  return {
    view: {
      ...{ term, votedFor, role, commitIndex, lastApplied, firstIndex, lastIndex },
      ...(waiting !== undefined && { waiting }),
      ...(members && { members: [...members] }),
      ...(snapshots && { snapshots }),
    },
    entries: Array.from({ length: count }, (_, i) => view.entryAt(firstIndex + i)),
    condition: run.condition(id),
    buttons: run.buttonsAt(id),
    canTakeSnapshot: run.canTakeSnapshot(id),
    changes: run.changesAt(id),
    standing: run.standing(id),
    linkedTo: run.ids.filter((to) => to !== id && run.hasLink(id, to)),
  }
}
