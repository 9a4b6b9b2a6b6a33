type Child = Node | string | null

type Listeners = {
  readonly [K in keyof HTMLElementEventMap as `on${K}`]?: (
    event: HTMLElementEventMap[K],
  ) => void
}

export type Attributes = Readonly<Record<string, string | number | boolean>>

/**
 * An element. Texts are only ever set as texts, never read as markup: they come from logs.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, '')
    else if (value !== false) element.setAttribute(name, String(value))
  }
  for (const child of children) if (child !== null) element.append(child)
  return element
}

export function listen<E extends HTMLElement>(element: E, listeners: Listeners): E {
  for (const [name, listener] of Object.entries(listeners)) {
    element.addEventListener(name.slice(2), listener as EventListener)
  }
  return element
}

export function button(
  label: string,
  onclick: () => void,
  attributes: Attributes = {},
): HTMLButtonElement {
  return listen(h('button', { type: 'button', ...attributes }, label), { onclick })
}
