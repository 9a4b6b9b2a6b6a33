import { defineComponent, h, onBeforeUnmount, onMounted, ref } from 'vue'

/** Puts something there; what it returns takes it away again. */
type Mount = (root: HTMLElement) => Promise<() => void>

/** A place in a page for what is no part of it: its code is loaded when the page is seen. */
export function mounted(name: string, text: string | null, load: () => Promise<Mount>) {
  return defineComponent({
    setup() {
      const root = ref<HTMLElement>()
      let unmount = () => {}
      let isGone = false
      onMounted(async () => {
        const mount = await load()
        if (!root.value || isGone) return
        unmount = await mount(root.value)
        if (isGone) unmount()
      })
      onBeforeUnmount(() => {
        isGone = true
        unmount()
      })
      return () => h('div', { ref: root, class: name }, text ?? undefined)
    },
  })
}
