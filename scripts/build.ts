// Builds the console and the server where their sources have changed since. `npm start` and `npm test` run it first.
import { buildConsole, lacksConsole } from './build-console.ts'
import { buildServer, lacksServer } from './build-server.ts'

const parts = [
  { name: 'console', lacks: lacksConsole, build: buildConsole, without: 'the server starts without it' },
  { name: 'server', lacks: lacksServer, build: buildServer, without: 'it starts from its sources, which takes longer' },
]

const always = process.argv.includes('--always')
for (const { name, lacks, build, without } of parts) {
  if (!always && !lacks()) continue
  process.stdout.write(`Building the ${name}…\n`)
  try {
    await build()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    process.stderr.write(`The ${name} could not be built, so ${without}:\n${reason}\n`)
  }
}
