import { withBase } from 'vitepress'
import { defineComponent, h, onBeforeUnmount, onMounted, ref } from 'vue'

/** The election's place on the home page. Its code is loaded when the page is seen. */
export const Election = defineComponent({
  setup() {
    const root = ref<HTMLElement>()
    let unmount = () => {}
    let isGone = false
    onMounted(async () => {
      const { mountElection } = await import('playground/election')
      if (!root.value || isGone) return
      unmount = mountElection(root.value, {
        playgroundHref: (hash) => withBase(`/playground.html#${hash}`),
      })
    })
    onBeforeUnmount(() => {
      isGone = true
      unmount()
    })
    return () => h('div', { ref: root, class: 'election-place' })
  },
})
