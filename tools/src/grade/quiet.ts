/** What a reader's code prints while it is graded: nobody reads it, and it may have no end. */
import { Console } from 'node:console'
import { Writable } from 'node:stream'

export const console = new Console(
  new Writable({
    write: (_chunk, _encoding, done) => done(),
  }),
)
