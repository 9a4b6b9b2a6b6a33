/** Keeps one core busy until it is killed, or who started it is gone, or for two minutes. */
const startedAt = performance.now()
const LONGEST_MS = 120_000
const SPIN_MS = 50

function spin(): void {
  const until = performance.now() + SPIN_MS
  while (performance.now() < until);
  if (until - startedAt < LONGEST_MS) setImmediate(spin)
  else process.exit()
}

process.on('disconnect', () => process.exit())
process.send?.('spins')
spin()
