/** Of the site's Vite, or of the tests', which are not the same. */
export function mistakes(): { name: string; enforce: 'pre' }
