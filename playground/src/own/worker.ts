/** Where a person's own code runs: it reaches nothing, and can be ended. */
import type { Request } from './protocol.ts'
import { Bench } from './serve.ts'

const own = globalThis as unknown as Record<string, unknown> & {
  readonly eval: (code: string) => unknown
  onmessage: ((event: MessageEvent<Request>) => void) | null
}
const reply = postMessage.bind(globalThis)
// Indirect: it sees no names of this file.
const evaluate = own.eval

/** All that leads out of here, or to what others keep. */
const WAYS_OUT = [
  ...['fetch', 'XMLHttpRequest', 'WebSocket', 'WebSocketStream', 'EventSource'],
  ...['WebTransport', 'Worker', 'SharedWorker', 'importScripts', 'RTCPeerConnection'],
  ...['BroadcastChannel', 'indexedDB', 'caches', 'cookieStore', 'navigator'],
  ...['postMessage', 'FontFace', 'fonts', 'Notification', 'eval', 'Function'],
  ...['webkitRequestFileSystem', 'webkitRequestFileSystemSync'],
]
for (const name of WAYS_OUT) shut(own, name)

// A text that is made into code could import from anywhere; what is compiled here cannot.
const kinds = [() => {}, async () => {}, function* () {}, async function* () {}]
for (const kind of kinds) shut(Object.getPrototypeOf(kind), 'constructor')
for (const name of ['setTimeout', 'setInterval'] as const) {
  const original = own[name] as (...args: unknown[]) => unknown
  own[name] = (callback: unknown, ...rest: unknown[]) => {
    if (typeof callback !== 'function') throw new TypeError('a timer takes a function')
    return original(callback, ...rest)
  }
}

const bench = new Bench((told) => reply(told), evaluate)
let last = Promise.resolve()
own.onmessage = ({ data }) => {
  last = last.then(() => bench.answer(data))
}

/** Whoever it comes from: some of these belong to prototypes. */
function shut(owner: object, name: string): void {
  for (let at: object | null = owner; at !== null; at = Object.getPrototypeOf(at)) {
    if (!Object.hasOwn(at, name)) continue
    Object.defineProperty(at, name, { value: undefined, writable: false })
  }
}
