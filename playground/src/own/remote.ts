/** Runs that go on in a worker, and what ends them when they do not come to an end. */
import { InvariantViolation } from 'tools/lab/rules/rule'
import { type Action, MAX_TIME_MS, type Setup } from '../sim/action.ts'
import type { Part } from '../sim/part.ts'
import type { Request as Asked, Flight, PlayEvent, Run } from '../sim/simulation.ts'
import type { Problem, Reply, Request, ServerState, Texts } from './protocol.ts'

/** From one sign of life to the next, in ms of real time: a hundred times what it takes. */
const PATIENCE_MS = 5_000

const ENDLESS = `the code is still running after ${PATIENCE_MS / 1000} s, and was stopped`

/** As much of a Worker as is needed. */
export interface Port {
  postMessage(request: Request): void
  onmessage: ((event: { readonly data: Reply }) => void) | null
  onerror: ((event: { readonly message?: string }) => void) | null
  terminate(): void
}

type Answer = Exclude<Reply, { kind: 'works' }> | { readonly kind: 'stopped' }

/** One worker after the other: whichever does not answer is ended. */
export class Workshop {
  private readonly open: () => Port
  private readonly part: number
  private readonly texts: Texts
  private port: Port | null = null
  private last: Promise<unknown> = Promise.resolve()

  constructor(part: number, texts: Texts, open: () => Port) {
    this.part = part
    this.texts = texts
    this.open = open
  }

  /** Why it cannot be run at all; null when it can. */
  async check(): Promise<Problem | null> {
    const { part, texts } = this
    const answer = await this.ask({ do: 'load', part, texts })
    if (answer.kind === 'loaded') return answer.problem
    return { text: answer.kind === 'failed' ? answer.text : ENDLESS, line: null }
  }

  /** One thing after the other. The promise never fails. */
  ask(request: Request): Promise<Answer> {
    const answer = this.last.then(() => this.askNow(request))
    this.last = answer
    return answer
  }

  close(): void {
    this.port?.terminate()
    this.port = null
  }

  private async askNow(request: Request): Promise<Answer> {
    if (this.port === null && request.do === 'begin') {
      const { part, texts } = this
      await this.send({ do: 'load', part, texts })
    }
    return this.send(request)
  }

  private send(request: Request): Promise<Answer> {
    this.port ??= this.open()
    const { port } = this
    return new Promise((resolve) => {
      const end = (answer: Answer) => {
        clearTimeout(timer)
        if (answer.kind === 'stopped' && this.port === port) this.close()
        resolve(answer)
      }
      const stop = () => end({ kind: 'stopped' })
      let timer = setTimeout(stop, PATIENCE_MS)
      port.onerror = stop
      port.onmessage = ({ data }) => {
        if (data.kind !== 'works') return end(data)
        clearTimeout(timer)
        timer = setTimeout(stop, PATIENCE_MS)
      }
      port.postMessage(request)
    })
  }
}

/** Of a server of which nothing is known yet. */
const NOTHING: ServerState = {
  view: {
    ...{ term: 0, votedFor: null, role: 'Follower' },
    ...{ commitIndex: 0, lastApplied: 0, firstIndex: 1, lastIndex: 0 },
  },
  entries: [],
  condition: {
    ...{ isCrashed: false, isPaused: false, isConnected: true },
    ...{ electionTimer: null, votes: [] },
  },
  buttons: [],
  canTakeSnapshot: null,
  changes: null,
  standing: null,
  linkedTo: [],
}

/** What the page knows of a run in the worker: how it was when it was last heard of. */
export class RemoteRun implements Run {
  readonly setup: Setup
  readonly part: Part
  readonly events: PlayEvent[] = []
  flights: Flight[] = []
  requests: Asked[] = []
  violation: InvariantViolation | null = null
  clientId: number | null = null
  answersHeld: number | null = null
  now = 0
  members: readonly number[]
  private servers: readonly ServerState[] = []
  private readonly workshop: Workshop
  private begun: Promise<unknown>

  constructor(setup: Setup, part: Part, workshop: Workshop) {
    this.setup = setup
    this.part = part
    this.workshop = workshop
    this.members = this.ids
    this.begun = this.ask({ do: 'begin', setup })
  }

  get ids(): number[] {
    const { length } = this.servers
    return Array.from({ length: length || this.setup.servers }, (_, id) => id)
  }

  get isOver(): boolean {
    return this.violation !== null || this.now >= MAX_TIME_MS
  }

  get leader(): number | null {
    const leaders = this.ids
      .filter((id) => this.view(id).role === 'Leader')
      .sort((a, b) => this.view(b).term - this.view(a).term)
    return leaders[0] ?? null
  }

  view(id: number): ReturnType<Run['view']> {
    const { view, entries } = this.server(id)
    return { ...view, entryAt: (index) => entries[index - view.firstIndex] }
  }

  condition(id: number): ReturnType<Run['condition']> {
    return this.server(id).condition
  }

  buttonsAt(id: number): ReturnType<Run['buttonsAt']> {
    return this.server(id).buttons
  }

  canTakeSnapshot(id: number): ReturnType<Run['canTakeSnapshot']> {
    return this.server(id).canTakeSnapshot
  }

  changesAt(id: number): ReturnType<Run['changesAt']> {
    return this.server(id).changes
  }

  standing(id: number): ReturnType<Run['standing']> {
    return this.server(id).standing
  }

  hasLink(from: number, to: number): boolean {
    return this.server(from).linkedTo.includes(to)
  }

  async runTo(time: number): Promise<void> {
    await this.begun
    await this.ask({ do: 'runTo', time })
  }

  async step(end: number): Promise<boolean> {
    await this.begun
    return this.ask({ do: 'step', end })
  }

  perform(action: Action): void {
    // What comes of it is seen with what is asked for next.
    this.begun = this.ask({ do: 'perform', action })
  }

  private server(id: number): ServerState {
    return this.servers[id] ?? NOTHING
  }

  /** @returns whether something has happened that shows. */
  private async ask(request: Request): Promise<boolean> {
    if (this.violation) return false
    const answer = await this.workshop.ask(request)
    if (answer.kind === 'stopped') this.end('Comes to an End', ENDLESS)
    else if (answer.kind === 'failed') {
      this.end('No Exceptions', `a server threw ${answer.text}`)
    } else if (answer.kind === 'state') {
      const { events, servers, violation, ...more } = answer.state
      this.events.push(...events)
      this.servers = servers
      Object.assign(this, more)
      if (violation) {
        this.violation = new InvariantViolation(violation.invariant, violation.text)
      }
      return answer.hasHappened
    }
    return false
  }

  private end(invariant: string, text: string): void {
    this.violation = new InvariantViolation(invariant, text)
    const { message: msg } = this.violation
    const event = { time: this.now, event: 'check', msg, invariant }
    this.events.push(event as unknown as PlayEvent)
  }
}
