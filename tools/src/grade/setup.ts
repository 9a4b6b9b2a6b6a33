/** In the thread that runs the tests: says which one runs, so that it is known if none ends. */
import { writeFileSync } from 'node:fs'
import { beforeEach } from 'vitest'
import { console } from './quiet.ts'

globalThis.console = console

beforeEach(({ task }) => {
  writeFileSync(process.env.RAFT_GRADE_AT ?? '', task.fullTestName)
})
