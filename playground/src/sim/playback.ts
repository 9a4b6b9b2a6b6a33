import {
  type Action,
  type Deed,
  inTenths,
  MAX_ACTIONS,
  MAX_TIME_MS,
  type Recording,
  type Setup,
} from './action.ts'
import { begin, type PartElsewhere } from './elsewhere.ts'
import { fetchPart, type Part, partOf } from './part.ts'
import { type Run, Simulation } from './simulation.ts'

/** How many ms of simulated time pass in a second, from slow motion to real time. */
const SPEEDS = [10, 20, 50, 100, 200, 500, 1000] as const
const USUAL_SPEED = SPEEDS.indexOf(100)

/** Nobody waits longer for a rule to break, in ms of simulated time. */
const LONG_MS = 30_000

/** A page that was out of sight must not make up for it at once. In ms. */
const LONGEST_FRAME_MS = 100

/**
 * Time in the hands of a person: on, slower, faster, step by step, and back. Going back runs
 * the recording anew from its seed. What was recorded for later happens again, until the
 * person does something else. Where there is a mistake, the part with it runs beside the
 * part as it is, until it breaks a rule.
 */
export class Playback {
  simulation: Run
  /** The same cluster, with a mistake in its code. */
  twin: Run | null = null
  isPlaying = false
  /** The latest time that was reached; beyond it nothing is known. */
  furthest = 0
  private mistaken: Part | PartElsewhere | null = null
  /** The one part that runs, where it is not the one that stands. */
  private alone: Part | null = null
  private speedIndex = USUAL_SPEED
  private recorded: Action[]
  /** So many of the recorded actions have happened. */
  private done = 0
  /** It stops by itself at these times, to be read. */
  private stops: readonly number[] = []

  /** Of a part that was fetched. */
  constructor(recording: Recording, mistaken: Part | PartElsewhere | null = null) {
    this.recorded = inOrder(recording.actions)
    this.mistaken = mistaken
    this.simulation = new Simulation(setupOf(recording), partOf(recording.part))
    this.twin = mistaken && begin(setupOf(recording), mistaken)
  }

  /** Begins with a part that is not as it stands, and has nothing beside it. */
  async loadAlone(recording: Recording, part: Part): Promise<void> {
    this.alone = part
    await this.load(recording)
  }

  /** Begins with another cluster. `mistaken` is the part with the recording's mistake. */
  async load(
    recording: Recording,
    stops: readonly number[] = [],
    mistaken: Part | PartElsewhere | null = null,
  ): Promise<void> {
    await fetchPart(recording.part)
    this.isPlaying = false
    this.recorded = inOrder(recording.actions)
    this.stops = stops
    this.furthest = 0
    this.mistaken = mistaken
    this.restart(recording)
    await this.goTo(0)
  }

  /** Whose events are told: the one with the mistake, where there is one. */
  get subject(): Run {
    return this.twin ?? this.simulation
  }

  get time(): number {
    return this.simulation.now
  }

  get recording(): Recording {
    return { ...this.simulation.setup, actions: this.recorded }
  }

  get actionsAhead(): number {
    return this.recorded.length - this.done
  }

  /** In ms of simulated time a second. */
  get speed(): number {
    return SPEEDS[this.speedIndex] ?? 100
  }

  slower(): void {
    this.speedIndex = Math.max(0, this.speedIndex - 1)
  }

  faster(): void {
    this.speedIndex = Math.min(SPEEDS.length - 1, this.speedIndex + 1)
  }

  play(): void {
    this.isPlaying = !this.simulation.isOver
  }

  pause(): void {
    this.isPlaying = false
  }

  /** Lets time pass while somebody watches. */
  async tick(realMs: number): Promise<void> {
    if (!this.isPlaying) return
    // A browser's first frame can be older than the moment that asked for it.
    const watchedMs = Math.min(Math.max(realMs, 0), LONGEST_FRAME_MS)
    const end = this.time + (watchedMs * this.speed) / 1000
    const stop = this.stops.find((at) => at > this.time && at <= end)
    const wasWhole = this.subject.violation === null
    await this.advanceTo(stop ?? end, true)
    const hasBroken = wasWhole && this.subject.violation !== null
    if (stop !== undefined || hasBroken || this.simulation.isOver) this.pause()
  }

  /** On, until a rule breaks where the mistake is, or nothing comes of it for long. */
  async toBreak(): Promise<void> {
    this.pause()
    await this.advanceTo(Math.min(this.time + LONG_MS, MAX_TIME_MS), true)
  }

  /** To the next thing that happens. */
  async step(): Promise<void> {
    this.pause()
    const next = this.recorded[this.done]
    const ahead = this.twin?.violation ? this.simulation : this.subject
    const happened = await ahead.step(next?.at ?? MAX_TIME_MS)
    await this.advanceTo(happened || !next ? ahead.now : next.at)
  }

  /** To the last thing that happened before now. */
  async back(): Promise<void> {
    this.pause()
    const events = [...this.simulation.events, ...(this.twin?.events ?? [])]
    const times = events.map(({ time }) => time).filter((time) => time < this.time)
    await this.goTo(times.reduce((latest, time) => Math.max(latest, time), 0))
  }

  /** To any time, by running there. */
  async goTo(time: number): Promise<void> {
    if (time < this.time) this.restart(this.simulation.setup)
    await this.advanceTo(time)
  }

  /** Why nothing can be done any more, or null while it can. */
  get whyNoMore(): string | null {
    if (this.simulation.isOver) return 'The run is over'
    if (this.done < MAX_ACTIONS) return null
    return `A run holds ${MAX_ACTIONS} actions, and this one has them`
  }

  /** Something done now, by a person. What was recorded for later is forgotten. */
  async act(deed: Deed): Promise<void> {
    if (this.whyNoMore !== null) return
    const at = inTenths(this.time)
    this.forgetFuture()
    this.recorded.push({ ...deed, at })
    this.furthest = at
    await this.advanceTo(at)
  }

  /** From here on nothing is recorded any more. */
  forgetFuture(): void {
    this.recorded.length = this.done
    this.stops = []
    this.furthest = this.time
  }

  private restart(recording: Setup): void {
    const setup = setupOf(recording)
    this.simulation = begin(setup, this.alone ?? partOf(setup.part))
    this.twin = this.mistaken && begin(setup, this.mistaken)
    this.done = 0
  }

  /** Past the moment at which a rule breaks, or up to it. */
  private async advanceTo(time: number, isWatched = false): Promise<void> {
    for (;;) {
      const next = this.recorded[this.done]
      if (!next || next.at > time) break
      if (await this.runTo(next.at, isWatched)) return
      this.simulation.perform(next)
      this.twin?.perform(next)
      this.done += 1
    }
    await this.runTo(time, isWatched)
  }

  /** Both to one time. @returns whether it ended sooner, with a rule that broke. */
  private async runTo(time: number, isWatched: boolean): Promise<boolean> {
    const { simulation, twin } = this
    const wasWhole = twin?.violation === null
    await twin?.runTo(time)
    const endsSooner = isWatched && wasWhole && twin?.violation !== null
    await simulation.runTo(endsSooner ? Math.max(twin.now, simulation.now) : time)
    this.furthest = Math.max(this.furthest, this.time)
    return endsSooner
  }
}

function setupOf({ part, servers, seed, mistake, change }: Setup): Setup {
  return {
    ...{ part, servers, seed },
    ...(mistake !== undefined && { mistake }),
    ...(change !== undefined && { change }),
  }
}

function inOrder(actions: readonly Action[]): Action[] {
  return [...actions].sort((a, b) => a.at - b.at)
}
