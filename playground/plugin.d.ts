/** Of the site's Vite, or of the tests', which are not the same. */
export function mistakes(): Promise<{ name: string; enforce: 'pre' }>
