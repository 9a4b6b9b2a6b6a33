/** Any mistake of the gallery can be played with, beside the part as it stands. */
import { readGallery } from 'tools/parts/mistake'
import { expect, test } from 'vitest'
import { GALLERY, type Mistake } from '../src/sim/gallery.ts'
import { fromHash } from '../src/sim/link.ts'
import { partOf, withMistake } from '../src/sim/part.ts'
import { Playback } from '../src/sim/playback.ts'
import runs from '../src/sim/runs.json' with { type: 'json' }
import { breaks } from './find-run.ts'
import './parts.ts'

/** The others are of real disks, of slow links, or of messages that come twice. */
const LEAST_SHARE_WITH_A_RUN = 2 / 3

const named = (name: string) => GALLERY.find((one) => one.name === name) as Mistake

function recordingOf({ run }: Mistake) {
  const target = fromHash(run ?? '')
  if (target && 'recording' in target) return target.recording
  throw new Error(`no run: ${run}`)
}

test('the whole gallery is there', () => {
  const names = readGallery().mistakes.map(({ name }) => name)
  expect(GALLERY.map(({ name }) => name)).toEqual(names)
  expect(names).toEqual(expect.arrayContaining(Object.keys(runs)))
  const shown = GALLERY.filter(({ run }) => run !== null)
  expect(shown.length / names.length).toBeGreaterThan(LEAST_SHARE_WITH_A_RUN)
})

test.each(GALLERY)(
  '$name is a change of one file, and the part works',
  async (mistake) => {
    const part = await withMistake(mistake)
    const right = partOf(mistake.part)
    expect(part.lab).not.toBe(right.lab)
    const [changed, ...more] = part.sources.filter((one) => !right.sources.includes(one))
    expect(more).toEqual([])
    const added = mistake.diff.split('\n').find((line) => /^\+[^+]/.test(line))
    if (added) expect(changed?.text).toContain(added.slice(1))
  },
)

test.each(GALLERY.filter(({ run }) => run !== null))(
  '$name breaks a rule, and the part as it stands does not',
  async (mistake) => {
    expect(await breaks(await withMistake(mistake), recordingOf(mistake))).not.toBeNull()
  },
)

test('whoever watches stops where the rule breaks, and can go on', async () => {
  const mistake = named('half-is-enough')
  const playback = new Playback(recordingOf(mistake), await withMistake(mistake))
  await playback.toBreak()
  const { simulation, twin } = playback
  expect(twin?.violation?.message).toContain('were both elected leader of term 1')
  expect(simulation.now).toBe(twin?.now)
  const brokeAt = simulation.now
  playback.play()
  await playback.tick(50)
  expect(simulation.now).toBeGreaterThan(brokeAt)
  expect(twin?.now).toBe(brokeAt)
  await playback.back()
  await playback.back()
  expect(playback.twin?.violation).toBeNull()
})

test('where no rule breaks, that is said by where it ends', async () => {
  const mistake = named('file-not-locked')
  const own = { part: 3, servers: 3, seed: 1, actions: [], mistake: mistake.name }
  const playback = new Playback(own, await withMistake(mistake))
  await playback.toBreak()
  expect(playback.twin?.violation).toBeNull()
  expect(playback.time).toBe(30_000)
})
