import { withBase } from 'vitepress'
import { defineComponent, h, onBeforeUnmount, onMounted, ref } from 'vue'

/** The playground's place in a page. Its code is loaded when the page is seen. */
export const Playground = defineComponent({
  setup() {
    const root = ref<HTMLElement>()
    let unmount = () => {}
    let isGone = false
    onMounted(async () => {
      const { mountPlayground } = await import('playground')
      if (!root.value || isGone) return
      unmount = mountPlayground(root.value, {
        sourceHref: (part) => withBase(`/source/part${part}-src-raft-ts.html`),
      })
    })
    onBeforeUnmount(() => {
      isGone = true
      unmount()
    })
    return () => h('div', { ref: root, class: 'playground-place' }, 'Loading …')
  },
})
