/** What dotest.sh runs: tests of a part, what their servers say, and the timeline. */
import { exitCodeOf } from '../cli/exit.ts'
import { say } from '../cli/print.ts'
import { ROOT } from '../cli/root.ts'
import { listParts } from '../parts/find.ts'
import { readRequest } from './options.ts'
import { sayError } from './print.ts'
import { Session } from './session.ts'
import { LoadError, PartTests } from './tests.ts'

process.exitCode = await exitCodeOf(main)

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
