/** The faults of the table that a person can cause at a server, in the playground. */
import type { World } from '../world.ts'
import type { Buttons, FaultKind } from './fault.ts'
import { cause, end, FAULT_NAMES, type FAULTS, type Fault, kindOf } from './index.ts'

/** What pressing a button is called. */
export type FaultWord = WordsOf<(typeof FAULTS)[keyof typeof FAULTS]>

type WordsOf<T> = T extends FaultKind<infer _, infer Word> ? Word : never

const pressed = FAULT_NAMES.flatMap((kind) => {
  const buttons = kindOf({ kind }).buttons as Buttons<object, FaultWord> | undefined
  return buttons ? [{ kind, buttons }] : []
})

export const FAULT_WORDS: readonly FaultWord[] = pressed.flatMap(({ buttons }) => [
  buttons.begin.word,
  buttons.end.word,
])

/** Of each fault that can strike a server of this part: the button that can be pressed. */
export function buttonsAt(world: World, server: number) {
  const possible = pressed.filter(
    ({ kind }) => kindOf({ kind }).appliesTo?.(world.part) ?? true,
  )
  return possible.map(({ kind, buttons }) => {
    const { canBegin, canEnd } = kindOf({ kind })
    const fault = { kind, ...buttons.at(server) } as Fault
    const isInForce = canEnd?.(world, fault) ?? false
    const isAble = isInForce || (canBegin?.(world, fault) ?? true)
    return { ...(isInForce ? buttons.end : buttons.begin), isAble }
  })
}

/** Begins a fault, or ends it, if that can be done now. */
export function press(world: World, word: FaultWord, server: number): void {
  const found = pressed.find(({ buttons: { begin, end } }) =>
    [begin.word, end.word].includes(word),
  )
  if (!found) return
  const { kind, buttons } = found
  const fault = { kind, ...buttons.at(server) } as Fault
  if (word === buttons.begin.word) cause(world, fault)
  else if (kindOf(fault).canEnd?.(world, fault)) end(world, fault)
}
