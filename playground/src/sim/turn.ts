/**
 * Waits until all promises that can be settled are. A browser lets timers wait for 4 ms; a
 * message to oneself comes at once, and not before them.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}
