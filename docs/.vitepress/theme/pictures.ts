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
    showLine()
    watch(
      () => route.data,
      () => nextTick(showLine),
    )
    window.addEventListener('hashchange', showLine)
  })
}

/** A link to a line of a file shows which it is. */
function showLine(): void {
  for (const line of document.querySelectorAll('.linked-line')) {
    line.classList.remove('linked-line')
  }
  const id = /^#(L\d+)$/.exec(window.location.hash)?.[1]
  const line = id === undefined ? null : document.getElementById(id)
  line?.classList.add('linked-line')
  line?.scrollIntoView({ block: 'center' })
}
