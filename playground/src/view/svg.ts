type Attributes = Readonly<Record<string, string | number>>

/** An element of a drawing; texts are set as texts. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  set(element, attributes)
  element.append(...children)
  return element
}

/** Sets what differs: most of a drawing stays as it is from frame to frame. */
export function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    const text = String(value)
    if (element.getAttribute(name) !== text) element.setAttribute(name, text)
  }
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
