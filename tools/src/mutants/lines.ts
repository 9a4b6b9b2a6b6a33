/** Lines of files, as StrykerJS takes them, and how machines share them. */
import { type Shard, shareOf } from '../cli/shard.ts'
import { definitionsIn } from '../source/definitions.ts'

/** A file, its text, and the lines of it: from the first to the last, counted from 1. */
interface Piece {
  readonly file: string
  readonly first: number
  readonly last: number
}

/**
 * A machine's share of files: ranges of lines, each as `src/raft.ts:240-257`. A function is
 * nobody's in part: StrykerJS leaves out what reaches beyond a range.
 *
 * @param textOf the text of a file.
 */
export function linesOfShard(
  files: readonly string[],
  textOf: (file: string) => string,
  shard: Shard,
): string[] {
  const pieces = files.flatMap((file) => piecesOf(file, textOf(file)))
  const total = pieces.reduce((sum, { first, last }) => sum + last - first + 1, 0)
  const { first: from, end } = shareOf(total, shard)
  let at = 0
  const share = pieces.filter(({ first, last }) => {
    const isMine = from <= at && at < end
    at += last - first + 1
    return isMine
  })
  return share.map(({ file, first, last }) => `${file}:${first}-${last}`)
}

/** Cut where a function, a member of a class, or anything else with a name begins. */
function piecesOf(file: string, text: string): Piece[] {
  const all = definitionsIn(text, file)
  const isWhole = (name: string) =>
    !all.some((other) => other.name.startsWith(`${name}.`))
  const cuts = all.filter(({ name }) => isWhole(name)).map(({ firstLine }) => firstLine)
  const firsts = [...new Set([1, ...cuts])].sort((a, b) => a - b)
  const lines = text.split('\n').length
  return firsts.map((first, i) => ({
    file,
    first,
    last: (firsts[i + 1] ?? lines + 1) - 1,
  }))
}
