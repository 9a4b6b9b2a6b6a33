/** No link ends the playground. */
import { expect } from 'vitest'
import { fc, fuzz } from '../../../tools/test/fuzz/fuzz.ts'
import { fromHash, LinkError } from '../../src/sim/link.ts'

const FIELDS = ['part=3', 'servers=5', 'seed=1', 't=1e3', 't=12.5', 'scene=__proto__']
const DEEDS = ['do=1,crash,0', 'do=1,submit,0,%E0', 'do=1,cut,0,9;2,mend,0,1', 'do=;;,']
const piece = fc.oneof(
  fc.constantFrom(...FIELDS, ...DEEDS, '&', '=', '#', ';', ',', '%'),
  fc.string(),
)
const link = fc.array(piece).map((pieces) => `#${pieces.join('&')}`)

fuzz('a link is followed or refused, whatever it says', link, (hash) => {
  try {
    fromHash(hash)
  } catch (error) {
    expect(error).toBeInstanceOf(LinkError)
  }
})
