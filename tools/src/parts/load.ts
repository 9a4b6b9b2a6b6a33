/** The module that a compiled text is: what the part exports. */
export async function loadCompiled(code: string): Promise<unknown> {
  const url = `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`
  return await import(/* @vite-ignore */ url)
}
