import { inject, test } from 'vitest'
import type {} from './setup.ts'

/** A test that looks at a page. It is skipped where there is no browser: see setup.ts. */
export const pageTest = test.skipIf(!inject('hasBrowser'))
