// Galerne's own version, read from package.json, the only place that states it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from './program-files.ts'

/** For example `0.1.0`. */
export const version = (JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as { version: string })
  .version
