// Runs every check that is not a test: types, lint and format, dead code, the house's rules, stale pages. All run; any failure fails.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'

const root = dirname(import.meta.dirname)
const tool = (name: string) => join(root, 'node_modules/.bin', name)

const checks: readonly { readonly name: string; readonly command: readonly string[] }[] = [
  { name: 'types (tsc)', command: [tool('tsc'), '-p', 'tsconfig.json', '--noEmit'] },
  { name: "the console's types (tsc)", command: [tool('tsc'), '-p', 'console/tsconfig.json', '--noEmit'] },
  { name: 'lint and format (biome)', command: [tool('biome'), 'ci', '--error-on-warnings', '--colors=off', '.'] },
  { name: 'dead code (knip)', command: [tool('knip')] },
  { name: "the house's rules", command: [process.execPath, '--test', 'test/architecture.test.ts'] },
  { name: 'the lock file', command: [process.execPath, 'scripts/lock.ts', '--check'] },
  { name: 'generated pages', command: [process.execPath, 'scripts/generate.ts', '--check'] },
]

const failed: string[] = []
for (const { name, command } of checks) {
  const [executable = '', ...args] = command
  const result = spawnSync(executable, args, { cwd: root, encoding: 'utf8' })
  const passed = result.status === 0
  process.stdout.write(`${passed ? '✔' : '✖'} ${name}\n`)
  if (passed) continue
  failed.push(name)
  process.stdout.write(`${result.error?.message ?? ''}${result.stdout}${result.stderr}\n`)
}
process.stdout.write(failed.length === 0 ? 'All checks passed.\n' : `Failed: ${failed.join(', ')}.\n`)
process.exitCode = failed.length === 0 ? 0 : 1
