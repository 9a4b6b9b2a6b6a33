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
        sourceHref: (file, line) => {
          const slug = file.replace(/[^A-Za-z0-9]+/g, '-')
          return withBase(`/source/${slug}.html#L${line}`)
        },
      })
    })
    onBeforeUnmount(() => {
      isGone = true
      unmount()
    })
    return () => h('div', { ref: root, class: 'playground-place' }, 'Loading …')
  },
})
