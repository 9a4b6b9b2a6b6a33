import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { checkRooms } from '../src/checks/rooms.ts'

/** In ms: a process is started, on a machine that may be busy. */
const TIMEOUT_MS = 30_000

async function problemsOf(files: Readonly<Record<string, string>>): Promise<string[]> {
  const root = mkdtempSync(join(tmpdir(), 'rooms-'))
  try {
    const all = { 'scripts/a.ts': '', 'playground/a.ts': '', ...files }
    for (const [file, text] of Object.entries(all)) {
      mkdirSync(dirname(join(root, file)), { recursive: true })
      writeFileSync(join(root, file), text)
    }
    const { modules, problems } = await checkRooms(root)
    expect(modules).toBeGreaterThanOrEqual(Object.keys(all).length)
    return [...problems].sort()
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('a room that knows what it may know is fine', {
  timeout: TIMEOUT_MS,
}, async () => {
  const files = {
    'tools/src/lab/a.ts': "import { b } from '../testlog/b.ts'\nb()\n",
    'tools/src/testlog/b.ts': 'export const b = () => {}\n',
  }
  expect(await problemsOf(files)).toEqual([])
})

test('an arrow up, a circle, a new room and a page that needs Node are told', {
  timeout: TIMEOUT_MS,
}, async () => {
  const problems = await problemsOf({
    'tools/src/lab/a.ts':
      "import type { B } from '../testlog/b.ts'\nexport type A = B\n",
    'tools/src/testlog/b.ts':
      "import type { A } from '../lab/a.ts'\nexport type B = A\n",
    'tools/src/viz/page/c.ts': "import '../shared/h.ts'\n",
    'tools/src/viz/read/d.ts': "import '../write/e.ts'\n",
    'tools/src/viz/write/e.ts': '',
    'tools/src/attic/f.ts': "import '../cli/g.ts'\n",
    'tools/src/cli/g.ts': '',
    'tools/src/viz/shared/h.ts': "import { open } from 'node:fs/promises'\nopen()\n",
  })
  expect(problems).toEqual([
    'tools/src/attic/f.ts → tools/src/cli/g.ts: tools/.dependency-cruiser.js must say what this room may know',
    'tools/src/lab → tools/src/testlog → tools/src/lab: rooms must not know each other in a circle',
    'tools/src/lab/a.ts → tools/src/testlog/b.ts → tools/src/lab/a.ts: there must be no circle',
    'tools/src/testlog → tools/src/lab → tools/src/testlog: rooms must not know each other in a circle',
    'tools/src/testlog/b.ts → tools/src/lab/a.ts: testlog may know no other room',
    'tools/src/viz/page/c.ts → fs/promises: a page must not reach for Node',
    'tools/src/viz/read/d.ts → tools/src/viz/write/e.ts: viz/read may know viz/shared',
    'tools/src/viz/shared/h.ts → fs/promises: a page must not reach for Node',
  ])
})
