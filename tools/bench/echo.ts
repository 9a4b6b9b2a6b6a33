/**
 * The other end of a round trip on a loopback socket, as a process of its own. A message
 * is its length in bytes (4 of them), and that many bytes; the answer is short.
 */
import { createServer } from 'node:net'

const ANSWER = Buffer.alloc(16)

const server = createServer((socket) => {
  socket.setNoDelay()
  let toCome = 0
  socket.on('data', (bytes) => {
    // Whoever asks waits for the answer: no message starts in the middle of a chunk.
    toCome =
      toCome === 0 ? bytes.readUInt32BE() + 4 - bytes.length : toCome - bytes.length
    if (toCome === 0) socket.write(ANSWER)
  })
})
server.listen(0, '127.0.0.1', () => process.send?.(server.address()))
process.on('disconnect', () => process.exit())
