import { useData, useRoute } from 'vitepress'
import { nextTick, onMounted, watch } from 'vue'

/**
 * A picture asks the system whether to be dark. A reader who has chosen otherwise with the
 * site's own switch is to see pictures that go with the page.
 */
export function followTheSwitch(): void {
  const { isDark } = useData()
  const route = useRoute()
  const update = () => {
    for (const source of document.querySelectorAll<HTMLSourceElement>(
      '.vp-doc picture > source',
    )) {
      source.media = isDark.value ? 'all' : 'not all'
    }
    // On a phone pictures are moved sideways: by keys, too.
    for (const box of document.querySelectorAll<HTMLElement>(
      '.vp-doc picture, .vp-doc p:has(> img)',
    )) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0
    }
  }
  onMounted(() => {
    update()
    watch([isDark, () => route.data], () => nextTick(update))
  })
}
