// Galerne's own version, read from package.json, the only place that states it.
import { readFileSync } from 'node:fs'

/** For example `0.1.0`. The file lies two folders up from the sources as from what is built of them. */
export const version = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version
