import { h, listen } from './dom.ts'

/** How much of the screen the details take on a phone, in percent. */
const LEAST = 8
const HALF = 45
const MOST = 88
const STEP = 10
/** A pointer that moved no further has tapped. In px. */
const TAP = 4

/**
 * The edge between the table and the details on a phone, to be pulled: the details are a
 * sheet below the table, and never cover the row that they explain. The style hides it where
 * both have room beside each other.
 */
export function sheetHandle(main: HTMLElement): HTMLElement {
  const handle = h('div', {
    class: 'handle',
    role: 'separator',
    tabindex: 0,
    title: 'Pull up or down; tap to close and to open',
    'aria-label': 'Height of the details',
    'aria-orientation': 'horizontal',
    'aria-valuemin': LEAST,
    'aria-valuemax': MOST,
  })
  let height = HALF
  const pull = (percent: number) => {
    height = Math.round(Math.min(MOST, Math.max(LEAST, percent)))
    main.style.setProperty('--sheet', `${height}%`)
    handle.setAttribute('aria-valuenow', String(height))
  }
  pull(HALF)
  let from = 0
  const isTap = ({ clientY }: PointerEvent) => Math.abs(clientY - from) <= TAP
  listen(handle, {
    onpointerdown: (event) => {
      handle.setPointerCapture(event.pointerId)
      from = event.clientY
    },
    onpointermove: (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return
      if (isTap(event)) return
      const { bottom, height: all } = main.getBoundingClientRect()
      pull((100 * (bottom - event.clientY)) / all)
    },
    onpointerup: (event) => {
      if (isTap(event)) pull(toggled(height))
    },
    onkeydown: (event) => {
      const to = heightFor(event.key, height)
      if (to === null) return
      event.preventDefault()
      event.stopPropagation()
      pull(to)
    },
  })
  return handle
}

function heightFor(key: string, height: number): number | null {
  switch (key) {
    case 'ArrowUp':
      return height + STEP
    case 'ArrowDown':
      return height - STEP
    case 'Home':
      return LEAST
    case 'End':
      return MOST
    case 'Enter':
    case ' ':
      return toggled(height)
    default:
      return null
  }
}

function toggled(height: number): number {
  return height > LEAST ? LEAST : HALF
}
