/**
 * OrderedMap: a map whose keys stand in order. A clone of it costs nothing, however large it
 * is: both share all that they hold, and whoever changes something copies a little of that
 * first. Nor does it ever stand still to grow, as a Map does.
 */
import type BTree from 'sorted-btree'
import * as library from 'sorted-btree'

export type OrderedMap<K, V> = BTree.default<K, V>

// What a CommonJS module calls its default is found in two places: by Node, and by bundlers.
const found = library.default as { default?: typeof BTree.default }
const OrderedMapClass = found.default ?? (found as typeof BTree.default)

/** Text in the order of its code units: the same on every machine, whatever its language. */
export function orderedByText<V>(): OrderedMap<string, V> {
  return new OrderedMapClass<string, V>([], (a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

export function orderedByNumber<V>(): OrderedMap<number, V> {
  return new OrderedMapClass<number, V>([], (a, b) => a - b)
}
