// `npm run proof -- <name>`: runs a long proof whole and keeps its dated output in docs/proof/. Tests run the same proofs shortened.
import { globSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../src/base/clock.ts'

const root = dirname(import.meta.dirname)

/** What a file in test/proof exports: runs the proof and returns its findings in Markdown; throws when it does not hold. */
type Proof = (options: { readonly whole: boolean }) => Promise<string>

function proofFiles(): ReadonlyMap<string, string> {
  const files = globSync('test/proof/*.ts', { cwd: root }).filter((path) => !path.endsWith('.test.ts'))
  return new Map(files.map((path) => [basename(path, '.ts'), join(root, path)]))
}

async function load(path: string): Promise<Proof | undefined> {
  const loaded = (await import(pathToFileURL(path).href)) as { run?: Proof }
  return loaded.run
}

/** What a reader needs to judge the figures. */
function machineFacts(startedAt: Date, seconds: number): string {
  const processors = cpus()
  return [
    `- Date: ${startedAt.toISOString().slice(0, 10)}`,
    `- Machine: ${processors.length} × ${processors[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}-${process.arch}`,
    `- Node ${process.versions.node}`,
    `- Took ${Math.round(seconds)} s`,
  ].join('\n')
}

async function keep(name: string, run: Proof): Promise<void> {
  const startedAt = new Date(systemClock.now())
  const started = systemClock.elapsed()
  const findings = await run({ whole: true })
  const facts = machineFacts(startedAt, (systemClock.elapsed() - started) / 1000)
  const path = join(root, 'docs/proof', `${startedAt.toISOString().slice(0, 10)}-${name}.md`)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(
    path,
    `# Proof: ${name}\n\n${facts}\n\nRepeat it with \`npm run proof -- ${name}\`.\n\n${findings.trim()}\n`,
  )
  process.stdout.write(`${findings.trim()}\n\nKept in ${relative(root, path)}.\n`)
}

const [name] = process.argv.slice(2)
const known = proofFiles()
const path = name === undefined ? undefined : known.get(name)
const run = path === undefined ? undefined : await load(path)
if (name === undefined || run === undefined) {
  process.stderr.write(
    `Usage: npm run proof -- <name>, where <name> is one of: ${[...known.keys()].join(', ') || '(none yet)'}\n`,
  )
  process.exitCode = 2
} else {
  await keep(name, run)
}
