import type { Theme } from 'vitepress'
import DefaultTheme from 'vitepress/theme'
import './palette.css'
import './site.css'
import { followTheSwitch } from './pictures.ts'
import { Playground } from './playground.ts'

export default {
  extends: DefaultTheme,
  setup: followTheSwitch,
  enhanceApp({ app }) {
    app.component('Playground', Playground)
  },
} satisfies Theme
