import { basename } from 'node:path'
import { UsageError } from '../cli/exit.ts'
import { ROOT } from '../cli/root.ts'
import { partsWithExercise } from '../exercise/plan.ts'
import { isExercise, partNamed } from '../parts/find.ts'

/** The exercise that a person means, as it is called on the command line. @throws UsageError */
export function exerciseNamed(argument: string): string {
  const parts = partsWithExercise(ROOT)
  const name = partNamed(argument, parts)
  if (name !== null && isExercise(name)) return name
  const part = parts.find((each) => each === basename(argument)) ?? parts[0]
  throw new UsageError(
    isExercise(`exercises/${part}`)
      ? `${argument} is no exercise; exercises/${part} is`
      : `there is no exercise ${argument}; npm run exercise -- ${part} makes one`,
  )
}

/** The command that runs a seed of the explorer again. */
export function replayOf(exercise: string, seed: number): string {
  return `npm run explore -- ${exercise} --seeds 1 --from ${seed}`
}
