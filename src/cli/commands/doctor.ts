// `galerne doctor`: what this machine can run and what is missing. Changes nothing but a file it writes into home and removes.
import { execFile } from 'node:child_process'
import { rm, statfs, writeFile } from 'node:fs/promises'
import { availableParallelism, freemem, totalmem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { type Config, childEnvironment } from '../../base/config.ts'
import { makeHome } from '../../base/home.ts'
import { tryListening } from '../../base/listening.ts'
import { runTool } from '../../base/package-clients.ts'
import { programUrl } from '../../base/program-files.ts'
import { readDevices } from '../../engine/devices.ts'
import { planDevices } from '../../engine/plan-devices.ts'
import { fit } from '../../engine/plan-fit.ts'
import { readMachine } from '../../engine/plan-machine.ts'
import { loadCatalogue } from '../../features/models/catalogue-own.ts'
import { findPlanned } from '../../features/plans/find.ts'
import { addJson, addSettings, configFrom } from '../settings.ts'
import { formatBytes, printResult, table } from '../terminal.ts'

/** One thing looked at. `missing` keeps Galerne from running, `advice` says what would be better or is only needed at times. */
interface Finding {
  readonly name: string
  readonly state: 'ok' | 'advice' | 'missing'
  readonly detail: string
}

const marks = { ok: '✔', advice: '!', missing: '✖' } as const
const run = promisify(execFile)

/** Adds the command. */
export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .summary('say what this machine can run and what is missing')
    .description(
      'Looks at this machine: Node, the engine library and the processor variant it picked, memory, cores, GPU, the port,\n' +
        'the data folder, which models fit, pip. Ends with code 1 when something is missing without which Galerne does not run.',
    )
    .action(async (options: Record<string, unknown>) => {
      const { config } = configFrom(options)
      const findings = await examine(config)
      printResult(options['json'] === true, findings, () =>
        table(findings.map(({ name, state, detail }) => [marks[state], name, detail])),
      )
      if (findings.some(({ state }) => state === 'missing')) process.exitCode = 1
    })
  addJson(addSettings(command, ['home', 'host', 'port']))
}

async function examine(config: Config): Promise<readonly Finding[]> {
  const checks = [
    node(),
    engine(),
    memory(),
    cores(),
    graphics(),
    home(config.home),
    port(config.host, config.port),
    models(config.home),
    pip(),
  ]
  return await Promise.all(checks)
}

async function node(): Promise<Finding> {
  return { name: 'node', state: 'ok', detail: `${process.versions.node} on ${process.platform}-${process.arch}` }
}

/** Opened in a process of its own: a library that does not suit the machine may end the process that loads it. */
async function engine(): Promise<Finding> {
  const library = programUrl('engine/child/library').href
  const script =
    `const { openLibrary } = await import(${JSON.stringify(library)});` +
    'const { packageName, cpuLibrary, version } = openLibrary(() => {});' +
    'process.stdout.write(JSON.stringify({ packageName, cpuLibrary, version }), () => process.exit(0))'
  try {
    const options = { env: childEnvironment(), timeout: 60_000 }
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], options)
    const found = JSON.parse(stdout) as { packageName: string; cpuLibrary?: string; version: string }
    const variant = found.cpuLibrary === undefined ? '' : `, processor variant ${found.cpuLibrary}`
    return { name: 'engine', state: 'ok', detail: `llama.cpp ${found.version} from ${found.packageName}${variant}` }
  } catch (error) {
    return { name: 'engine', state: 'missing', detail: `the library does not load: ${lastWords(error)}` }
  }
}

async function memory(): Promise<Finding> {
  const detail = `${formatBytes(totalmem())}, ${formatBytes(freemem())} free; a model needs the size of its file and room for its contexts`
  return { name: 'memory', state: freemem() > 500_000_000 ? 'ok' : 'advice', detail }
}

async function cores(): Promise<Finding> {
  const count = availableParallelism()
  const detail = count === 1 ? '1: answers will be slow' : String(count)
  return { name: 'cores', state: count === 1 ? 'advice' : 'ok', detail }
}

async function graphics(): Promise<Finding> {
  const name = 'gpu'
  if (process.platform === 'darwin' && process.arch === 'arm64')
    return { name, state: 'ok', detail: 'Metal, used by itself' }
  const found = await run('nvidia-smi', ['--query-gpu=name,memory.total', '--format=csv,noheader'], {
    timeout: 20_000,
  }).catch(() => undefined)
  if (found === undefined) return { name, state: 'ok', detail: 'no NVIDIA GPU seen; models run on the processor' }
  const wanted = `@node-llama-cpp/${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}-cuda`
  const cards = found.stdout.trim().split('\n').join('; ')
  if (isInstalled(wanted)) return { name, state: 'ok', detail: `${cards}, with ${wanted}` }
  return {
    name,
    state: 'advice',
    detail: `${cards} is not used: npm install ${wanted}@<version of the other engine package>`,
  }
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name)
    return true
  } catch {
    return false
  }
}

async function home(folder: string): Promise<Finding> {
  const probe = join(folder, `.doctor-${process.pid}`)
  try {
    await makeHome(folder)
    await writeFile(probe, '')
    await rm(probe)
    const { bavail, bsize } = await statfs(folder)
    const free = bavail * bsize
    const state = free > 2_000_000_000 ? 'ok' : 'advice'
    return { name: 'home', state, detail: `${folder}, ${formatBytes(free)} free on its disk` }
  } catch (error) {
    return { name: 'home', state: 'missing', detail: `${folder} cannot be written: ${lastWords(error)}` }
  }
}

async function port(host: string, number: number): Promise<Finding> {
  const name = 'port'
  const fault = await tryListening(host, number)
  if (fault === undefined) return { name, state: 'ok', detail: `${number} on ${host} is free` }
  if (fault.code === 'EADDRINUSE') {
    return {
      name,
      state: 'advice',
      detail: `${number} on ${host} is taken, perhaps by a running Galerne; --port takes another`,
    }
  }
  return { name, state: 'missing', detail: `${number} on ${host} cannot be opened: ${fault.message}` }
}

/** Which models of the catalogue this machine holds in their usual quantisation, with a conversation of a common length. */
async function models(folder: string): Promise<Finding> {
  const name = 'models'
  const known = await loadCatalogue(folder)
  const seen = await readDevices(childEnvironment()).catch(() => [])
  const devices = planDevices(seen, readMachine().availableBytes)
  const fitting = known.filter((model) => {
    const { header, contextLength } = findPlanned(model.name, { models: known })
    const use = { contextLength: Math.min(contextLength, 4096), users: 1, kvType: 'f16' as const }
    return fit(header, devices, use).verdict.startsWith('fits')
  })
  const [largest] = fitting.toSorted((a, b) => b.parameters.total - a.parameters.total)
  if (largest === undefined) return { name, state: 'advice', detail: 'none of the catalogue fits into the free memory' }
  const counted = fitting.length === known.length ? `all ${known.length}` : `${fitting.length} of ${known.length}`
  return {
    name,
    state: 'ok',
    detail: `${counted} of the catalogue fit, up to ${largest.title}; "galerne plan <model>" says how well`,
  }
}

async function pip(): Promise<Finding> {
  const name = 'pip'
  try {
    const { output } = await runTool('pip', ['--version'], { purpose: 'doctor', timeoutMs: 30_000 })
    return { name, state: 'ok', detail: output.trim().split(' from ')[0] ?? 'found' }
  } catch {
    const detail = 'not found; only needed to fetch weights where Hugging Face cannot be reached'
    return { name, state: 'advice', detail }
  }
}

/** The last line of what a process said, or the error's message. */
function lastWords(error: unknown): string {
  const spoken = (error as { stderr?: string }).stderr ?? ''
  const named = /^\w*Error: (.*)$/m.exec(spoken)?.[1]
  return named ?? (error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
}
