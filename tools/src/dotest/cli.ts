/** What dotest.sh runs: tests of a part, what their servers say, and the timeline. */
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readRequest } from './options.ts'
import { listParts } from './parts.ts'
import { say, sayError } from './print.ts'
import { Session } from './session.ts'
import { LoadError, PartTests } from './tests.ts'

const ROOT = dirname(fileURLToPath(new URL('../..', import.meta.url)))

// Whoever reads the output may have seen enough: `| head` is no error.
process.stdout.on('error', () => process.exit())
process.exitCode = await main()

async function main(): Promise<number> {
  const request = readRequest(process.argv, listParts(ROOT))
  try {
    const tests = await PartTests.find(ROOT, request.part)
    const exitCode = await new Session(ROOT, request, tests).run()
    await tests.close()
    return exitCode
  } catch (error) {
    if (!(error instanceof LoadError)) throw error
    say(`The tests of ${request.part} cannot be loaded:`)
    for (const cause of error.errors) sayError(ROOT, cause)
    return 1
  }
}
