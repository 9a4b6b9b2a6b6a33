import type { Theme } from 'vitepress'
import DefaultTheme from 'vitepress/theme'
import './palette.css'
import './site.css'
import { Playground } from './playground.ts'

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('Playground', Playground)
  },
} satisfies Theme
