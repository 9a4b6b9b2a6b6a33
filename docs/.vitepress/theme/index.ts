import type { Theme } from 'vitepress'
import DefaultTheme from 'vitepress/theme'
import { h } from 'vue'
import './palette.css'
import './site.css'
import { Election } from './election.ts'
import { followTheSwitch } from './pictures.ts'
import { Playground, Puzzles } from './playground.ts'
import { mendSearch } from './search.ts'

export default {
  extends: DefaultTheme,
  Layout: () => h(DefaultTheme.Layout, null, { 'home-hero-image': () => h(Election) }),
  setup() {
    followTheSwitch()
    mendSearch()
  },
  enhanceApp({ app }) {
    app.component('Playground', Playground)
    app.component('Puzzles', Puzzles)
  },
} satisfies Theme
