import { markdownOf, sourcePages } from '../.vitepress/source-pages.ts'

export default {
  paths: () =>
    sourcePages().map((page) => ({
      params: { file: page.slug, path: page.file },
      content: markdownOf(page),
    })),
}
