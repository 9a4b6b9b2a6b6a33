/** The one table of faults: for tests, the explorer and the playground. */
import type { World } from '../world.ts'
import type { FaultKind, Place } from './fault.ts'
import * as members from './members.ts'
import * as network from './network.ts'
import * as servers from './servers.ts'
import * as slow from './slow.ts'

/** By the name that they have in schedules; the explorer draws them in this order. */
export const FAULTS = {
  crash: servers.crash,
  pause: servers.pause,
  disconnect: servers.disconnect,
  cut: network.cut,
  partition: network.partition,
  loss: network.loss,
  duplication: network.duplication,
  delay: network.delay,
  clock: servers.clock,
  'slow-link': slow.slowLink,
  'slow-machine': slow.slowMachine,
  'slow-disk': slow.slowDisk,
  unreliable: network.unreliable,
  'drop-calls': network.dropCalls,
  'add-server': members.addServer,
  'remove-server': members.removeServer,
  transfer: members.transfer,
}

export type FaultName = keyof typeof FAULTS

/** A fault: its kind, and what that kind must know. */
export type Fault = {
  readonly [K in FaultName]: { readonly kind: K } & FieldsOf<(typeof FAULTS)[K]>
}[FaultName]

/** What names a fault that is to end. */
export type Ending = {
  readonly [K in FaultName]: { readonly kind: K } & Place<FieldsOf<(typeof FAULTS)[K]>>
}[FaultName]

type FieldsOf<T> = T extends FaultKind<infer F, string> ? F : never

export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[]

export function kindOf(fault: { readonly kind: FaultName }): FaultKind<Fault, string> {
  return FAULTS[fault.kind] as FaultKind<never, string> as FaultKind<Fault, string>
}

/** Begins a fault, whatever its kind; the line in the test log is part of it. */
export function begin(world: World, fault: Fault): void {
  world.mustHave(...serversOf(fault))
  kindOf(fault).begin(world, fault)
}

/** Ends a fault of a kind, at a place. */
export function end(world: World, ending: Ending): void {
  world.mustHave(...serversOf(ending))
  kindOf(ending).end(world, ending)
}

/**
 * Lets a fault happen, if it can happen now.
 *
 * @returns what ends it as long as there is something to end; null where nothing began that
 * has to be ended.
 */
export function cause(world: World, fault: Fault): (() => void) | null {
  const kind = kindOf(fault)
  if (kind.canBegin && !kind.canBegin(world, fault)) return null
  const machine =
    kind.endsWithCrash && 'server' in fault ? world.machine(fault.server) : null
  begin(world, fault)
  if (kind.endsByItself) return null
  return () => {
    if (machine?.crashed) return
    if (kind.canEnd && !kind.canEnd(world, fault)) return
    kind.end(world, fault)
  }
}

/** The ids of the servers that a fault names. */
export function serversOf(fault: object): readonly number[] {
  const { server, from, to, groups } = fault as Partial<Names>
  if (server !== undefined) return [server]
  if (groups) return groups.flat()
  return from === undefined || to === undefined ? [] : [from, to]
}

/** The same fault, of other servers. */
export function aimed<F extends object>(fault: F, at: (id: number) => number): F {
  const { server, from, to, groups } = fault as Partial<Names>
  if (server !== undefined) return { ...fault, server: at(server) }
  if (groups) return { ...fault, groups: groups.map((group) => group.map(at)) }
  if (from === undefined || to === undefined) return fault
  return { ...fault, from: at(from), to: at(to) }
}

/** What remains of a fault in a cluster of so many servers: itself, or nothing. */
export function within<F extends object>(fault: F, servers: number): F[] {
  const { groups } = fault as Partial<Names>
  if (groups) {
    const left = groups.map((group) => group.filter((id) => id < servers))
    return [{ ...fault, groups: left.filter((group) => group.length > 0) }]
  }
  return serversOf(fault).every((id) => id < servers) ? [fault] : []
}

/** The fields by which faults name servers. */
interface Names {
  readonly server: number
  readonly from: number
  readonly to: number
  readonly groups: readonly (readonly number[])[]
}
