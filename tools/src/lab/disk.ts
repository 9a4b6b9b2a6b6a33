type Method = (...args: readonly unknown[]) => unknown

/**
 * A storage as the world gives it to a server. Everything that it does is a write, but for
 * what loads or opens something; `before` and `after` are called around each of them. What
 * it begins, a file of its own, is written to in the same way.
 */
export function withWrites<S extends object>(
  storage: S,
  before: (name: string, args: readonly unknown[]) => void,
  after: (name: string) => void,
): S {
  const methods = storage as Record<string, Method>
  // What it shows beside, it shows as it is.
  const wrapped: Record<string, Method> = Object.create(storage)
  for (const name of namesOf(storage)) {
    const method = methods[name] as Method
    const read: Method = (...args) => method.call(storage, ...args)
    const write: Method = (...args) => {
      before(name, args)
      const result = method.call(storage, ...args)
      after(name)
      return name.startsWith('begin')
        ? withWrites(result as object, before, after)
        : result
    }
    wrapped[name] = /^(load|open)/.test(name) ? read : write
  }
  return wrapped as S
}

/** The methods of an object: its class's, and those of the classes above. */
function namesOf(object: object): string[] {
  const prototype = Object.getPrototypeOf(object)
  if (prototype === Object.prototype) return []
  const names = Object.getOwnPropertyNames(prototype)
  return [...names.filter((name) => name !== 'constructor'), ...namesOf(prototype)]
}
