import { RE2JS } from 're2js'

/**
 * Whether a regular expression of a person's matches a text somewhere. It takes a time in
 * proportion to the text, whatever the expression: JavaScript's own may never end.
 */
export function matcher(
  expression: string,
  options: { readonly ignoreCase?: boolean } = {},
): (text: string) => boolean {
  const flags = options.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0
  const pattern = RE2JS.compile(expression, flags)
  return (text) => pattern.matcher(text).find()
}
