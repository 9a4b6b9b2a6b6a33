import type { Rpc } from '../testlog/event.ts'
import type { Messages } from './messages.ts'
import type { Part } from './part.ts'

/** Another server, as a server sees it: a method for each RPC of the part. */
interface PeerClass {
  new (messages: Messages, from: number, id: number): object
}

const classes = new WeakMap<Part['rpcs'], PeerClass>()

/**
 * One class for all peers of a part: with objects put together one by one, everything that
 * calls them is slower.
 */
export function peerClassOf(rpcs: Part['rpcs']): PeerClass {
  const made = classes.get(rpcs) ?? makePeerClass(rpcs)
  classes.set(rpcs, made)
  return made
}

function makePeerClass(rpcs: Part['rpcs']): PeerClass {
  class Peer {
    readonly id: number
    readonly from: number
    readonly messages: Messages

    constructor(messages: Messages, from: number, id: number) {
      this.messages = messages
      this.from = from
      this.id = id
    }
  }
  for (const [method, name] of Object.entries(rpcs)) {
    const value = function (
      this: Peer,
      args: Rpc['args'],
      onReply: (reply: unknown) => void,
    ) {
      this.messages.call(this.from, this.id, method, args, onReply)
    }
    Object.defineProperty(Peer.prototype, name, { value })
  }
  return Peer
}
