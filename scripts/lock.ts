// Completes package-lock.json: names every optional package of every platform, also those that the registry at hand lacks.
//
// npm leaves an optional package out of the lock when it cannot fetch its facts (a mirror that carries one platform only), and "npm ci"
// then refuses the lock everywhere. What is added has no checksum: npm asks the registry for it on the platform that installs it.
// Run it after every "npm install"; --check only tells.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

interface Entry {
  readonly version?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface Lock {
  packages: Record<string, Entry>
}

const path = join(dirname(import.meta.dirname), 'package-lock.json')
const lock = JSON.parse(readFileSync(path, 'utf8')) as Lock

const systems = {
  darwin: 'darwin',
  mac: 'darwin',
  win32: 'win32',
  win: 'win32',
  linux: 'linux',
  android: 'android',
  freebsd: 'freebsd',
  openharmony: 'openharmony',
}
const processors = {
  x64: 'x64',
  arm64: 'arm64',
  arm: 'arm',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  ia32: 'ia32',
}
const libraries = { musl: 'musl', musleabihf: 'musl', gnu: 'glibc', gnueabihf: 'glibc' }

/** Where a package runs, from its name: `@oxc-parser/binding-linux-arm-musleabihf`. */
function platformOf(name: string): Pick<Entry, 'os' | 'cpu' | 'libc'> {
  const words = name.split(/[/-]/)
  const find = (table: Readonly<Record<string, string>>) =>
    words.map((word) => table[word]).find((found) => found !== undefined)
  const [os, cpu, libc] = [find(systems), find(processors), find(libraries)]
  return {
    ...(cpu !== undefined && { cpu: [cpu] }),
    ...(os === 'linux' && libc !== undefined && { libc: [libc] }),
    ...(os !== undefined && { os: [os] }),
  }
}

const added: Record<string, Entry> = {}
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`
    const platform = platformOf(name)
    // Only packages made for one platform, and pinned: anything else is npm's business.
    if (lock.packages[key] !== undefined || platform.os === undefined || !/^\d+\.\d+\.\d+$/.test(version)) continue
    added[key] = { version, ...platform, ...(entry.dev === true && { dev: true }), optional: true }
  }
}

const names = Object.keys(added).map((key) => key.slice('node_modules/'.length))
if (names.length === 0) {
  process.stdout.write('The lock names every optional package.\n')
} else if (process.argv.includes('--check')) {
  process.stderr.write(
    `The lock lacks ${names.join(', ')}: "npm ci" fails with it. Run "node bin/node24.js scripts/lock.ts".\n`,
  )
  process.exitCode = 1
} else {
  const entries = Object.entries({ ...lock.packages, ...added })
  const [root, ...rest] = entries
  const sorted = [...(root === undefined ? [] : [root]), ...rest.sort(([one], [other]) => (one < other ? -1 : 1))]
  writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`)
  process.stdout.write(`Added ${names.length} packages to the lock: ${names.join(', ')}.\n`)
}
