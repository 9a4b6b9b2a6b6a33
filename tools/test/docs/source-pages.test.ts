/** Links to files and folders of the repository lead to pages of the site. */
import { expect, test } from 'vitest'
import {
  markdownOf,
  sourcePageFor,
  sourcePages,
} from '../../../docs/.vitepress/source-pages.ts'
import { anchorOf } from '../../src/markdown/anchor.ts'

test('a folder is shown by its README, or by a list of its files', () => {
  expect(sourcePageFor('../part1')?.file).toBe('part1/README.md')
  expect(sourcePageFor('../tools/src/lab')?.slug).toBe('tools-src-lab')
  expect(sourcePageFor('../nowhere')).toBeNull()
  expect(sourcePageFor('part1.md')).toBeNull()
})

test('the list of a folder leads to what has a page, and names the rest', () => {
  const list = markdownOf({ file: 'tools/src/lab', slug: 'tools-src-lab' })
  expect(list).toContain('- [`rules/`](/source/tools-src-lab-rules)\n')
  const slugs = sourcePages().map(({ slug }) => slug)
  for (const [, slug = ''] of list.matchAll(/\/source\/([^)]+)/g)) {
    expect(slugs).toContain(slug)
  }
  const gallery = markdownOf({ file: 'tools/gallery', slug: 'tools-gallery' })
  expect(gallery).toMatch(/^- `[\w.-]+`$/m)
})

test('the place of a heading has the name that code hosts give it', () => {
  expect(anchorOf("A follower's patience")).toBe('a-followers-patience')
  expect(anchorOf('Over HTTP: 409 and 410')).toBe('over-http-409-and-410')
  expect(anchorOf('`part1`, and a_b')).toBe('part1-and-a_b')
})
