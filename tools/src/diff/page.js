// The page's script: from change to change, and what is folded away opens.
const changes = [...document.querySelectorAll('.change')]
const steps = document.querySelector('.steps')
const count = steps.querySelector('output')
let current = -1

function say() {
  const where = current < 0 ? '' : `${current + 1} of `
  count.textContent = `${where}${changes.length} changes`
}

function step(by) {
  const next = current < 0 && by < 0 ? changes.length - 1 : current + by
  if (!changes[next]) return
  current = next
  changes[current].focus({ preventScroll: true })
  changes[current].scrollIntoView({ block: 'center' })
  say()
}

/** Both sides at once, so that they stay beside each other. */
function unfold(id, isOpen) {
  for (const rows of document.querySelectorAll(`[data-folded="${id}"]`)) {
    rows.hidden = !isOpen
  }
  for (const button of document.querySelectorAll(`[data-fold="${id}"]`)) {
    button.closest('tbody').hidden = isOpen
  }
}

addEventListener('click', ({ target }) => {
  const button = target.closest('button')
  if (!button) return
  const { step: by, fold } = button.dataset
  if (by) step(Number(by))
  if (fold) unfold(fold, true)
  if ('foldAll' in button.dataset) {
    const isOpen = button.getAttribute('aria-pressed') !== 'true'
    button.setAttribute('aria-pressed', String(isOpen))
    for (const { dataset } of document.querySelectorAll('[data-fold]')) {
      unfold(dataset.fold, isOpen)
    }
  }
})

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key === 'n' || event.key === 'j') step(1)
  if (event.key === 'p' || event.key === 'k') step(-1)
})

steps.hidden = changes.length === 0
say()
