import type { Logger } from 'pino'
import type { Rpc } from '../testlog/event.ts'
import type { Costs } from './costs.ts'
import type { Machine } from './machine.ts'
import { copyOf, type Network } from './network.ts'
import type { Part } from './part.ts'
import { mark } from './reached.ts'

type Args = Rpc['args']
type OnReply = (reply: unknown) => void

/** Whoever takes part: what of it can be reached by messages, for one life. */
export interface Node {
  readonly machine: Machine
  readonly costs: Costs
  /**
   * Takes a request. The answer is what it returns, or what the promise that it returns
   * comes to; or it is given to `onReply`, now or later. Nothing is no answer.
   */
  take(method: string, args: unknown, onReply: OnReply): unknown
  trace(event: string, message: string, fields: object): void
  /** Promises of answers that have not been kept yet. */
  promised: number
}

const fromAnEarlierLife = mark(
  'an answer comes after who asked has crashed',
  (part: Part) => part.storage !== undefined,
)

/** Brings requests from node to node, whatever their method, and the answers back. */
export class Messages {
  private readonly network: Network
  private readonly logger: Logger
  private readonly node: (id: number) => Node
  private readonly onSend: (rpc: Rpc) => void
  private readonly onPromise: () => void
  private readonly isOnce: (rpc: Rpc) => boolean
  private sent = 0

  constructor(options: {
    readonly network: Network
    readonly logger: Logger
    /** The present life of a node. */
    readonly node: (id: number) => Node
    /** A message was sent, whatever becomes of it. */
    readonly onSend: ((rpc: Rpc) => void) | undefined
    /** A node has promised an answer. */
    readonly onPromise: () => void
    /** Whether a connection hands over once what the network has repeated. */
    readonly isOnce: (rpc: Rpc) => boolean
  }) {
    this.network = options.network
    this.logger = options.logger
    this.node = options.node
    this.onSend = options.onSend ?? (() => {})
    this.onPromise = options.onPromise
    this.isOnce = options.isOnce
  }

  /** Asks another node; `onReply` is called later: once, more often, or never. */
  call(from: number, to: number, method: string, args: Args, onReply: OnReply): void {
    const { machine } = this.node(from)
    this.sent += 1
    const request: Rpc = { id: `${this.sent}`, method, kind: 'request', from, to, args }
    this.trace(from, 'send', request)
    let hasArrived = false
    this.carry(request, (args) => {
      if (hasArrived && this.isOnce(request)) return
      hasArrived = true
      this.trace(to, 'receive', request)
      const node = this.node(to)
      const reply = (answer: unknown) => {
        if (answer && !node.machine.crashed) {
          this.answer(request, answer as Args, machine, onReply)
        }
      }
      const answer = node.take(method, args, reply)
      if (answer instanceof Promise) void this.keep(node, answer, reply)
      else reply(answer)
    })
  }

  private answer(request: Rpc, args: Args, asker: Machine, onReply: OnReply): void {
    const { from: to, to: from } = request
    const response: Rpc = { ...request, kind: 'reply', from, to, args }
    this.trace(from, 'send', response)
    this.carry(response, (reply) => {
      if (asker.crashed) {
        // It restarted, and no longer knows that it asked.
        fromAnEarlierLife()
        return
      }
      this.trace(to, 'receive', response)
      onReply(reply)
    })
  }

  /** Carries a message, and hands it over on the machine it is for, when that can take it. */
  carry(rpc: Rpc, arrive: (args: Args) => void): void {
    this.onSend(rpc)
    const { machine, costs } = this.node(rpc.from)
    machine.work(costs.ofMessage(rpc))
    if (!machine.isBusy) this.send(rpc, arrive)
    else {
      const sent = { ...rpc, args: copyOf(rpc.args) }
      machine.afterWork(() => this.send(sent, arrive))
    }
  }

  /** A message is lost, and its sender says so. */
  noteDrop(rpc: Rpc, reason: string): void {
    this.trace(rpc.from, 'drop', rpc, reason)
  }

  private send(rpc: Rpc, arrive: (args: Args) => void): void {
    this.network.carry(rpc, (args) => {
      const { machine, costs } = this.node(rpc.to)
      if (machine.crashed) this.noteDrop(rpc, 'server is down')
      else {
        machine.run(() => {
          machine.work(costs.ofMessage(rpc))
          arrive(args)
        })
      }
    })
  }

  /** What was promised is an event of its own there. */
  private async keep(node: Node, promise: Promise<unknown>, reply: OnReply) {
    node.promised += 1
    this.onPromise()
    const answer = await promise
    node.promised -= 1
    node.machine.run(() => reply(answer))
  }

  /** What happens to a message, told by the node that it happens to. */
  private trace(id: number, event: MessageEvent, rpc: Rpc, reason?: string): void {
    if (!this.logger.isLevelEnabled('info')) return
    const fields = reason === undefined ? { rpc } : { rpc, reason }
    this.node(id).trace(event, describe(event, rpc, reason), fields)
  }
}

type MessageEvent = 'send' | 'receive' | 'drop'

function describe(event: MessageEvent, rpc: Rpc, reason = ''): string {
  const { method, kind, from, to } = rpc
  const what = kind === 'request' ? method : `the answer to ${method}`
  if (event === 'receive') return `receives ${what} from ${from}`
  if (event === 'drop') return `${what} to ${to} is lost: ${reason}`
  return kind === 'request' ? `sends ${method} to ${to}` : `answers ${method} of ${to}`
}
