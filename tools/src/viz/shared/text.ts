/** Characters that a page would swallow, or take for layout, as pictures of themselves. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f\u2028\u2029]/g, picture)
}

function picture(character: string): string {
  if (character === '\u2028' || character === '\u2029') return '␤'
  if (character === '\u007f') return '␡'
  return String.fromCharCode(0x2400 + character.charCodeAt(0))
}

/** The beginning of a text, and how much of it that leaves out. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text
  return `${text.slice(0, length)}… (${(text.length - length).toLocaleString('en')} more)`
}
