import { changeText, configurationIn } from '../../testlog/configuration.ts'
import type { LoggedEntry } from '../shared/event.ts'
import { Column, StringTable } from './columns.ts'
import { commandText } from './gist.ts'

/** Node 0: the empty log. */
const EMPTY = 0

/**
 * All servers' logs at all times, as one tree: a node is an entry, its parent the entry
 * before it, and a log is the path from a node to the root. To append is to go to a child, to
 * truncate is to go back to an ancestor, so that every state of every log is one number.
 * Servers that hold the same entries, by Log Matching, stand on the same node.
 */
export class LogTree {
  readonly commands = new StringTable()
  readonly parents = new Column()
  readonly indexes = new Column()
  readonly terms = new Column()
  readonly commandOf = new Column()
  private readonly children = new Map<string, number>()
  /** By the node of an entry that is a configuration: the ids in it. */
  private readonly members = new Map<number, readonly number[]>()
  /** By index and term: which, by Log Matching, say all that stands before them. */
  private readonly known = new Map<string, number>()

  constructor() {
    this.addNode(-1, 0, 0, this.commands.add(''))
  }

  /** The log that `head` is, with these entries behind what stands before the first. */
  append(head: number, entries: readonly LoggedEntry[]): number {
    const [first] = entries
    if (!first) return head
    let node = this.before(head, first.index)
    for (const entry of entries) {
      const { index, term, command } = entry
      const configuration = configurationIn(entry)
      if (!configuration) node = this.child(node, index, term, commandText(command))
      else {
        const change = changeText(configuration, this.membersAt(node))
        node = this.child(node, index, term, change)
        const ids = configuration.members.map(({ id }) => id)
        this.members.set(node, ids)
      }
    }
    return node
  }

  /** What an entry changes about the cluster; null when it is none of those. */
  changeAt(index: number, term: number): string | null {
    const node = this.known.get(`${index} ${term}`)
    if (node === undefined || !this.members.has(node)) return null
    return this.commands.strings[this.commandOf.at(node)] ?? null
  }

  /** Who is in the configuration that a log ends under, as far as the tree has it. */
  private membersAt(head: number): readonly number[] | undefined {
    if (this.members.size === 0) return undefined
    let node = head
    while (node !== EMPTY && !this.members.has(node)) node = this.parents.at(node)
    return this.members.get(node)
  }

  /** The log that ends with this entry, which a snapshot has brought with all before. */
  endingWith(index: number, term: number): number {
    const known = this.known.get(`${index} ${term}`)
    return known ?? this.child(EMPTY, index, term, 'in a snapshot')
  }

  /** Whether a log ends with this entry. */
  endsWith(head: number, index: number, term: number): boolean {
    return this.indexes.at(head) === index && this.terms.at(head) === term
  }

  /** The log without the entry `index` and those behind it. */
  before(head: number, index: number): number {
    let node = head
    while (node !== EMPTY && this.indexes.at(node) >= index) node = this.parents.at(node)
    return node
  }

  private child(parent: number, index: number, term: number, command: string): number {
    const commandNumber = this.commands.add(command)
    const key = `${parent} ${index} ${term} ${commandNumber}`
    const known = this.children.get(key)
    if (known !== undefined) return known
    const node = this.addNode(parent, index, term, commandNumber)
    this.children.set(key, node)
    return node
  }

  private addNode(parent: number, index: number, term: number, command: number): number {
    const node = this.parents.length
    this.parents.push(parent)
    this.indexes.push(index)
    this.terms.push(term)
    this.commandOf.push(command)
    const name = `${index} ${term}`
    if (!this.known.has(name)) this.known.set(name, node)
    return node
  }
}
