import {
  type Action,
  type Deed,
  inTenths,
  MAX_ACTIONS,
  MAX_TIME_MS,
  type Recording,
} from './action.ts'
import { Simulation } from './simulation.ts'

/** How many ms of simulated time pass in a second, from slow motion to real time. */
const SPEEDS = [10, 20, 50, 100, 200, 500, 1000] as const
const USUAL_SPEED = SPEEDS.indexOf(100)

/** A page that was out of sight must not make up for it at once. In ms. */
const LONGEST_FRAME_MS = 100

/**
 * Time in the hands of a person: on, slower, faster, step by step, and back. Going back runs
 * the recording anew from its seed. What was recorded for later happens again, until the
 * person does something else.
 */
export class Playback {
  simulation: Simulation
  isPlaying = false
  /** The latest time that was reached; beyond it nothing is known. */
  furthest = 0
  private speedIndex = USUAL_SPEED
  private recorded: Action[]
  /** So many of the recorded actions have happened. */
  private done = 0
  /** It stops by itself at these times, to be read. */
  private stops: readonly number[] = []

  constructor(recording: Recording) {
    this.recorded = inOrder(recording.actions)
    this.simulation = new Simulation(recording)
    this.goTo(0)
  }

  /** Begins with another cluster. */
  load(recording: Recording, stops: readonly number[] = []): void {
    this.isPlaying = false
    this.recorded = inOrder(recording.actions)
    this.stops = stops
    this.furthest = 0
    this.restart(recording)
    this.goTo(0)
  }

  get time(): number {
    return this.simulation.now
  }

  get recording(): Recording {
    const { part, servers, seed } = this.simulation.setup
    return { part, servers, seed, actions: this.recorded }
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
  tick(realMs: number): void {
    if (!this.isPlaying) return
    // A browser's first frame can be older than the moment that asked for it.
    const watchedMs = Math.min(Math.max(realMs, 0), LONGEST_FRAME_MS)
    const end = this.time + (watchedMs * this.speed) / 1000
    const stop = this.stops.find((at) => at > this.time && at <= end)
    this.advanceTo(stop ?? end)
    if (stop !== undefined || this.simulation.isOver) this.pause()
  }

  /** To the next thing that happens. */
  step(): void {
    this.pause()
    const next = this.recorded[this.done]
    const happened = this.simulation.step(next?.at ?? MAX_TIME_MS)
    this.advanceTo(happened || !next ? this.time : next.at)
  }

  /** To the last thing that happened before now. */
  back(): void {
    this.pause()
    const { events } = this.simulation
    const before = events.findLast(({ time }) => time < this.time)
    this.goTo(before?.time ?? 0)
  }

  /** To any time, by running there. */
  goTo(time: number): void {
    if (time < this.time) this.restart(this.simulation.setup)
    this.advanceTo(time)
  }

  /** Why nothing can be done any more, or null while it can. */
  get whyNoMore(): string | null {
    if (this.simulation.isOver) return 'The run is over'
    if (this.done < MAX_ACTIONS) return null
    return `A run holds ${MAX_ACTIONS} actions, and this one has them`
  }

  /** Something done now, by a person. What was recorded for later is forgotten. */
  act(deed: Deed): void {
    if (this.whyNoMore !== null) return
    const at = inTenths(this.time)
    this.recorded.length = this.done
    this.stops = []
    this.recorded.push({ ...deed, at } as Action)
    this.furthest = at
    this.advanceTo(at)
  }

  private restart(recording: Omit<Recording, 'actions'>): void {
    const { part, servers, seed } = recording
    this.simulation = new Simulation({ part, servers, seed })
    this.done = 0
  }

  private advanceTo(time: number): void {
    for (;;) {
      const next = this.recorded[this.done]
      if (!next || next.at > time) break
      this.simulation.runTo(next.at)
      this.simulation.perform(next)
      this.done += 1
    }
    this.simulation.runTo(time)
    this.furthest = Math.max(this.furthest, this.time)
  }
}

function inOrder(actions: readonly Action[]): Action[] {
  return [...actions].sort((a, b) => a.at - b.at)
}
