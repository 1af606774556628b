// Builds the console and the server where their sources have changed since. `npm start` and `npm test` run it first, and `npm pack`, which
// needs both and takes no older build along.
import { buildConsole, lacksConsole } from './build-console.ts'
import { buildServer, lacksServer, removeOthers } from './build-server.ts'

const parts = [
  { name: 'console', lacks: lacksConsole, build: buildConsole, without: 'the server starts without it' },
  { name: 'server', lacks: lacksServer, build: buildServer, without: 'it starts from its sources, which takes longer' },
]

const always = process.argv.includes('--always')
const forPackage = process.argv.includes('--package')
for (const { name, lacks, build, without } of parts) {
  if (!always && !lacks()) continue
  process.stdout.write(`Building the ${name}…\n`)
  try {
    await build()
  } catch (error) {
    if (forPackage) throw error
    const reason = error instanceof Error ? error.message : String(error)
    process.stderr.write(`The ${name} could not be built, so ${without}:\n${reason}\n`)
  }
}
if (forPackage) removeOthers()
