import { onMounted } from 'vue'

/**
 * VitePress' box of the search calls itself a button, and its results options in which there
 * are links. For those who hear the page it is a dialog, and each link is an option.
 */
export function mendSearch(): void {
  onMounted(() => {
    const waits = new MutationObserver(() => {
      const box = document.querySelector<HTMLElement>(
        '.VPLocalSearchBox:not([data-mended])',
      )
      if (!box) return
      box.dataset.mended = ''
      mend(box)
      new MutationObserver(() => mend(box)).observe(box, {
        attributeFilter: ['aria-owns', 'aria-selected'],
        childList: true,
        subtree: true,
      })
    })
    waits.observe(document.body, { childList: true })
  })
}

function mend(box: HTMLElement): void {
  box.setAttribute('role', 'dialog')
  for (const name of ['aria-owns', 'aria-expanded', 'aria-haspopup']) {
    box.removeAttribute(name)
  }
  for (const key of box.querySelectorAll('kbd[aria-label]:not([role])')) {
    key.setAttribute('role', 'img')
  }
  for (const item of box.querySelectorAll('#localsearch-list > li')) {
    const link = item.querySelector('a')
    if (!link) continue
    if (item.id !== '') link.id = item.id
    item.removeAttribute('id')
    item.removeAttribute('aria-selected')
    item.setAttribute('role', 'presentation')
    link.setAttribute('role', 'option')
    link.removeAttribute('aria-label')
    const isSelected = String(link.classList.contains('selected'))
    // What is set is looked at again, also when it stays the same.
    if (link.getAttribute('aria-selected') !== isSelected) {
      link.setAttribute('aria-selected', isSelected)
    }
  }
}
