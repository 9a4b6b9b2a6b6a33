const LONGEST_NAME = 100

/** Names that mean a device on some systems, whatever their ending, and the index page's. */
const RESERVED = /^(?:index|con|prn|aux|nul|com\d|lpt\d)$/

/** A test's name as the name of a file: letters, digits and hyphens, never a path. */
export function slugOf(text: string): string {
  const slug = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, LONGEST_NAME)
    .replace(/^-+|-+$/g, '')
  if (slug === '') return 'test'
  return RESERVED.test(slug) ? `test-${slug}` : slug
}

/** Gives each page of a folder a name of its own. */
export class FileNames {
  private readonly taken = new Set<string>()
  /** How often each name was wished for: the next one of it has a higher number. */
  private readonly wishes = new Map<string, number>()

  take(test: string, suffix: string | undefined): string {
    const base = suffix ? `${slugOf(test)}-${slugOf(suffix)}` : slugOf(test)
    let count = this.wishes.get(base) ?? 1
    let name = count === 1 ? base : `${base}-${count}`
    while (this.taken.has(name)) {
      count += 1
      name = `${base}-${count}`
    }
    this.wishes.set(base, count + 1)
    this.taken.add(name)
    return `${name}.html`
  }
}
