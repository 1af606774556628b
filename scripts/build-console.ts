// Builds the console with Vite. Without Vite (a published package) what lies there is taken as it is.
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

const root = dirname(import.meta.dirname)
const console_ = join(root, 'console')
const built = join(console_, 'dist/index.html')
const vite = join(root, 'node_modules/vite/bin/vite.js')

/** Whether its sources are newer than what was built last, and it can be built. */
export function lacksConsole(): boolean {
  if (!existsSync(vite)) return false
  if (!existsSync(built)) return true
  const since = statSync(built).mtimeMs
  return sources().some((path) => statSync(join(root, path)).mtimeMs > since)
}

/** Builds it. Throws with Vite's own words. */
export function buildConsole(): void {
  const result = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], { cwd: console_, encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`${result.stdout}${result.stderr}`)
}

/** Everything that the build reads: the console, the schemas whose types it takes, and the versions of its libraries. */
function sources(): string[] {
  return [
    ...globSync('console/{src,public}/**/*', { cwd: root }),
    ...globSync('console/*.{html,json,ts}', { cwd: root }),
    ...globSync('src/wire/*.ts', { cwd: root }),
  ]
}
