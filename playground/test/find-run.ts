/** Looks for a run in which a mistake breaks a rule, as a person would: by trying. */
import { randomStreams } from 'tools/lab/random'
import type { Action, Deed, Recording } from '../src/sim/action.ts'
import type { Mistake } from '../src/sim/gallery.ts'
import { fromHash, toHash } from '../src/sim/link.ts'
import { type Part, withMistake } from '../src/sim/part.ts'
import { Playback } from '../src/sim/playback.ts'
import { Simulation } from '../src/sim/simulation.ts'
import { toOrder } from '../src/view/shortcuts.ts'
import './parts.ts'

/** So long it looks for one, in ms of real time. */
const PATIENCE_MS = 12_000
const SIZES = [3, 5, 4]
const KEYS = ['x', 'y']
/** When all is in order again, a cluster has this long to show that it works, in ms. */
const PEACE_MS = 6_000

interface Found {
  readonly run: string
  readonly told: string
}

export async function findRun(mistake: Mistake, known?: string): Promise<Found | null> {
  const part = await withMistake(mistake)
  if (known !== undefined) {
    const target = fromHash(known)
    const found = target && 'recording' in target ? target.recording : null
    const told = found && (await breaks(part, found))
    if (told) return { run: known, told: told.text }
  }
  const endsAt = Date.now() + PATIENCE_MS
  for (let seed = 1; Date.now() < endsAt; seed += 1) {
    const drawn = await draw(mistake, part, seed)
    if (drawn && (await breaks(part, drawn))) return shrink(part, drawn)
  }
  return null
}

/** How a run with the mistake ends, where the part as it is breaks no rule in it. */
export async function breaks(
  part: Part,
  recording: Recording,
): Promise<{ readonly text: string; readonly at: number } | null> {
  const playback = new Playback(recording, part)
  const last = Math.max(0, ...recording.actions.map(({ at }) => at))
  await playback.goTo(last + PEACE_MS)
  const { simulation, twin } = playback
  if (simulation.violation || !twin?.violation) return null
  return { text: twin.violation.message, at: twin.now }
}

async function draw(
  { name, part: number }: Mistake,
  part: Part,
  seed: number,
): Promise<Recording | null> {
  const next = randomStreams(seed)
  const random = next()
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T
  const servers = pick(SIZES)
  const setup = { part: number, servers, seed, mistake: name }
  const simulation = new Simulation(setup, part)
  const actions: Action[] = []
  const count = 2 + Math.floor(random() * 14)
  let at = 0
  for (let i = 0; i < count && !simulation.violation; i += 1) {
    at += 10 * Math.ceil(random() ** 2 * 40)
    await simulation.runTo(at)
    const deed = drawDeed(simulation, part, random, pick, i)
    const action = deed && ({ ...deed, at } as Action)
    if (!action) continue
    simulation.perform(action)
    actions.push(action)
  }
  if (!simulation.violation) {
    for (const deed of toOrder(simulation)) {
      simulation.perform({ ...deed, at } as Action)
      actions.push({ ...deed, at } as Action)
    }
    await simulation.runTo(at + PEACE_MS)
  }
  return simulation.violation ? { ...setup, actions } : null
}

function drawDeed(
  simulation: Simulation,
  part: Part,
  random: () => number,
  pick: <T>(from: readonly T[]) => T,
  i: number,
): Deed | null {
  const { ids, leader } = simulation
  const server = random() < 0.5 && leader !== null ? leader : pick(ids)
  const other = pick(ids.filter((id) => id !== server))
  const { isCrashed, isPaused, isConnected } = simulation.condition(server)
  const asks = part.lab.clients?.asks
  const kinds: (() => Deed | null)[] = [
    () => ({ do: 'timeout', server }),
    () => ({ do: isConnected ? 'disconnect' : 'reconnect', server }),
    () => (isPaused ? { do: 'resume', server } : { do: 'pause', server }),
    () => ({ do: simulation.hasLink(server, other) ? 'cut' : 'mend', server, other }),
    () => (i % 3 === 0 ? { do: 'align' } : { do: 'timeout', server: other }),
  ]
  const submit = (): Deed => ({
    do: 'submit',
    server: leader ?? server,
    command: String.fromCharCode(97 + (i % 26)),
  })
  if (part.hasLog) kinds.push(submit, submit, submit)
  if (part.lab.storage) {
    kinds.push(() => ({ do: isCrashed ? 'restart' : 'crash', server }))
    kinds.push(() => {
      const down = ids.find((id) => simulation.condition(id).isCrashed)
      return down === undefined
        ? { do: 'crash', server }
        : { do: 'restart', server: down }
    })
  }
  if (part.lab.members) {
    kinds.push(() => ({ do: 'add' }))
    kinds.push(() => ({ do: 'remove', server }))
    kinds.push(() => ({ do: 'lead', server }))
  }
  if (asks) {
    const ask = (): Deed => ({
      do: 'ask',
      what: pick(Object.keys(asks)),
      key: pick(KEYS),
      value: String(i),
    })
    kinds.push(ask, ask, ask, ask, ask)
  }
  return pick(kinds)()
}

/** The same with less in it. */
async function shrink(part: Part, drawn: Recording): Promise<Found | null> {
  let best = drawn
  for (let again = true; again; ) {
    again = false
    for (let i = best.actions.length - 1; i >= 0; i -= 1) {
      const fewer = { ...best, actions: best.actions.filter((_, at) => at !== i) }
      if (!(await breaks(part, fewer))) continue
      best = fewer
      again = true
    }
  }
  const end = await breaks(part, best)
  return end && { run: toHash(best, 0), told: `${end.text} (${end.at} ms)` }
}
