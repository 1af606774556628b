// Builds the console where its sources are newer than what was built last. `npm start` runs it first; without Vite (a published
// package) what lies there is taken as it is.
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

const root = dirname(import.meta.dirname)
const console_ = join(root, 'console')
const built = join(console_, 'dist/index.html')
const vite = join(root, 'node_modules/vite/bin/vite.js')

/** Everything that the build reads: the console, the schemas whose types it takes, and the versions of its libraries. */
const sources = [
  ...globSync('console/{src,public}/**/*', { cwd: root }),
  ...globSync('console/*.{html,json,ts}', { cwd: root }),
  ...globSync('src/wire/*.ts', { cwd: root }),
]

function isNewer(): boolean {
  if (!existsSync(built)) return true
  const since = statSync(built).mtimeMs
  return sources.some((path) => statSync(join(root, path)).mtimeMs > since)
}

if (existsSync(vite) && (process.argv.includes('--always') || isNewer())) {
  process.stdout.write('Building the console…\n')
  const result = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], { cwd: console_, encoding: 'utf8' })
  if (result.status !== 0) {
    process.stderr.write(
      `The console could not be built, so the server starts without it:\n${result.stdout}${result.stderr}\n`,
    )
  }
}
