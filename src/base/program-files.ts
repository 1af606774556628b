// Where the program lies: the project's folder, and the files that processes and threads of their own start from. Knows no process.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Two folders up from `src/base/` as from the folder of a build, where this file is one by itself. */
export const projectFolder = join(import.meta.dirname, '../..')

const fromSources = import.meta.filename.endsWith('.ts')

/**
 * The file that runs a part of the program by itself, `engine/child/main` for example: its source, or what was built of it.
 * `scripts/build-server.ts` finds the parts by these calls, so their names stand in them as they are.
 */
export function programFile(part: string): string {
  return fromSources ? join(projectFolder, 'src', `${part}.ts`) : join(import.meta.dirname, `${part}.js`)
}

/** The same as an address. */
export function programUrl(part: string): URL {
  return pathToFileURL(programFile(part))
}
