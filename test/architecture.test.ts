// The house's rules, checked over the sources: floors, cycles, who may read the environment, the clock and the network, and names.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { test } from 'node:test'

const root = dirname(import.meta.dirname)

/** Imports point down only; folders of one floor never import one another, except features along the list below. */
const floors: readonly (readonly string[])[] = [
  ['base'],
  ['wire'],
  ['formats'],
  ['engine', 'upstream', 'database', 'queue', 'sandbox', 'telemetry'],
  ['features'],
  ['cli', 'main.ts', 'start', 'http'],
]

/** Features that may import another feature. Every line is a dependency somebody has to know: keep it short. */
const featureImports: readonly string[] = [
  'batches → chat',
  'batches → completions',
  'batches → embeddings',
  'batches → files',
  'batches → models',
  'batches → prompts',
  'batches → responses',
  'batches → usage',
  'chat → models',
  'chat → prompts',
  'completions → models',
  'completions → chat',
  'completions → prompts',
  'embeddings → models',
  'rerank → models',
  'responses → models',
  'responses → chat',
  'responses → prompts',
  'tokenize → models',
  'tokenize → chat',
  'metrics → models',
  'overview → metrics',
  'overview → models',
  'models → usage',
  'models → conversion',
  'models → audit',
  'keys → audit',
  'traces → usage',
  'traces → prices',
  'usage → prices',
  'usage → audit',
  'prices → audit',
  'plans → models',
  'workspaces → audit',
  'workspaces → members',
  'members → audit',
  'sessions → audit',
  'sessions → members',
  'sessions → workspaces',
  'service-accounts → audit',
  'service-accounts → keys',
  'service-accounts → workspaces',
  'organisation → keys',
  'organisation → members',
  'organisation → workspaces',
  'organisation → limits',
  'organisation → usage',
  'people → audit',
  'people → files',
  'people → members',
  'usage → limits',
  'models → limits',
  'limits → prices',
  'limits → audit',
  'budgets → limits',
  'budgets → prices',
  'budgets → audit',
]

interface Source {
  /** Path from src/, with slashes. */
  readonly path: string
  readonly text: string
  /** Paths from src/ that it imports at run time, and for types. */
  readonly runtime: readonly string[]
  readonly all: readonly string[]
  readonly packages: readonly string[]
}

function read(path: string): Source {
  const text = readFileSync(join(root, 'src', path), 'utf8')
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const statements = [...code.matchAll(/^(?:import|export)\s+(type\s+)?[^'";]*?from\s+'([^']+)'/gm)]
  const bare = [...code.matchAll(/(?:^import\s+|import\(\s*|new URL\(\s*)'([^']+)'/gm)].map((match) => match[1] ?? '')
  const named = statements.map((match) => ({ target: match[2] ?? '', type: match[1] !== undefined }))
  const imports = [...named, ...bare.map((target) => ({ target, type: false }))]
  const local = imports.filter(({ target }) => target.startsWith('.') && target.endsWith('.ts'))
  const resolve = (target: string) =>
    relative(join(root, 'src'), join(root, 'src', dirname(path), target)).replaceAll('\\', '/')
  return {
    path,
    text: code,
    runtime: local.filter(({ type }) => !type).map(({ target }) => resolve(target)),
    all: local.map(({ target }) => resolve(target)),
    packages: imports.filter(({ target }) => !target.startsWith('.')).map(({ target }) => target),
  }
}

const everything = globSync('**/*.ts', { cwd: join(root, 'src') })
  .map((path) => path.replaceAll('\\', '/'))
  .sort()
const sources = everything.filter((path) => !path.endsWith('.test.ts')).map(read)
const folderOf = (path: string) => path.split('/')[0] ?? ''
const floorOf = (path: string) => floors.findIndex((floor) => floor.includes(folderOf(path)))

/** Paths of sources that match and are not among `allowed`. */
function offenders(pattern: RegExp, allowed: readonly string[]): readonly string[] {
  return sources.filter(({ path, text }) => !allowed.includes(path) && pattern.test(text)).map(({ path }) => path)
}

test('the reader sees the imports that there are', () => {
  const config = sources.find(({ path }) => path === 'base/config.ts')
  assert.deepEqual(config?.all.includes('base/config-values.ts'), true)
  assert.deepEqual(config?.packages.includes('yaml'), true)
  assert.ok(sources.length > 30)
})

test('every folder has a floor, and imports point down', () => {
  const wrong = sources.flatMap(({ path, all }) => {
    if (floorOf(path) < 0) return [`${path} stands on no floor`]
    return all
      .filter((target) => target.startsWith('..') || floorOf(target) > floorOf(path) || isSideways(path, target))
      .map((target) => `${path} → ${target}`)
  })
  assert.deepEqual(wrong, [])
})

/** The only ways within a floor: the command line starts main.ts, which puts the parts of start/ together, which make the server. */
const ways: readonly string[] = ['cli → main.ts', 'main.ts → start', 'start → http']

function isSideways(path: string, target: string): boolean {
  if (floorOf(path) !== floorOf(target) || folderOf(path) === folderOf(target)) return false
  return !ways.includes(`${folderOf(path)} → ${folderOf(target)}`)
}

test('a feature imports another one only along the list, and the list holds no idle line', () => {
  const feature = (path: string) => /^features\/([^/]+)\//.exec(path)?.[1]
  const found = new Set<string>()
  for (const { path, all } of sources) {
    for (const target of all) {
      const [from, to] = [feature(path), feature(target)]
      if (from !== undefined && to !== undefined && from !== to) found.add(`${from} → ${to}`)
    }
  }
  assert.deepEqual([...found].sort(), [...featureImports].sort())
})

test('there is no import cycle, not even of types', () => {
  const graph = new Map(sources.map(({ path, all }) => [path, all]))
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): readonly string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path]
    if (done.has(path)) return []
    for (const target of graph.get(path) ?? []) {
      const cycle = visit(target, [...trail, path])
      if (cycle.length > 0) return cycle
    }
    done.add(path)
    return []
  }
  for (const { path } of sources) assert.deepEqual(visit(path, []), [])
})

test('only base/config.ts reads the environment', () => {
  assert.deepEqual(offenders(/process\.env\b|\benv\s*[,}].*from 'node:process'/, ['base/config.ts']), [])
})

test('only base/program-files.ts looks for files beside the code: in a build they lie elsewhere', () => {
  assert.deepEqual(
    offenders(/import\.meta\.(dirname|filename)|new URL\([^)]*import\.meta/, ['base/program-files.ts']),
    [],
  )
})

test('only base/clock.ts reads the clocks', () => {
  assert.deepEqual(
    offenders(/\bDate\.now\(|\bperformance\.now\(|new Date\(\)|process\.(hrtime|uptime)\b/, ['base/clock.ts']),
    [],
  )
})

// nodemailer would open sockets itself: in that one file it is given those of egress, which checks the address and keeps the ledger.
test('only base/egress.ts opens outgoing connections, and mail goes over its sockets', () => {
  const mailing = sources.filter(({ packages }) => packages.includes('nodemailer'))
  assert.deepEqual(
    mailing.map(({ path }) => path),
    ['base/mail.ts'],
  )
  assert.match(mailing[0]?.text ?? '', /getSocket\([^)]*\) \{\s+egress\s*\.connect\(/)
  const allowed = ['base/egress.ts']
  const clients = /^(undici|node:(http|https|http2|net|tls|dgram|dns)(\/.*)?|axios|got|ws|node-fetch)$/
  // The one judges addresses, the other tries whether a port is free: neither opens a way out.
  const harmless = ['base/addresses.ts', 'base/listening.ts']
  const importing = sources
    .filter(({ packages, text }) => packages.some((name) => clients.test(name)) && !isTypesOnly(text, clients))
    .map(({ path }) => path)
  assert.deepEqual(
    importing.filter((path) => ![...allowed, ...harmless].includes(path)),
    [],
  )
  assert.deepEqual(offenders(/(?<![\w.])fetch\(|new (WebSocket|EventSource|XMLHttpRequest)\(/, allowed), [])
})

function isTypesOnly(text: string, clients: RegExp): boolean {
  const statements = [...text.matchAll(/^import\s+(type\s+)?[^'";]*?from\s+'([^']+)'/gm)]
  return statements.filter((match) => clients.test(match[2] ?? '')).every((match) => match[1] !== undefined)
}

test('only the package clients, the engine and the doctor start processes', () => {
  const starters = sources.filter(({ packages }) => packages.includes('node:child_process')).map(({ path }) => path)
  const allowed = /^(base\/package-clients\.ts|engine\/[^/]+\.ts|cli\/commands\/doctor\.ts|sandbox\/)/
  assert.deepEqual(
    starters.filter((path) => !allowed.test(path)),
    [],
  )
})

test('Models come from the registry: only start/ meets the pool, only models/ makes wrappers', () => {
  const wrong = sources.flatMap(({ path, runtime }) =>
    runtime
      .filter((target) => /^engine\/(pool|local-model)\.ts$/.test(target))
      .filter(() => path !== 'start/engine.ts' && !path.startsWith('engine/'))
      .map((target) => `${path} → ${target}`),
  )
  assert.deepEqual(wrong, [])
})

test('nothing but the child imports the child', () => {
  const wrong = sources.flatMap(({ path, runtime }) =>
    runtime
      .filter((target) => target.startsWith('engine/child/') && !path.startsWith('engine/child/'))
      .map((target) => `${path} → ${target}`),
  )
  assert.deepEqual(wrong, [])
})

test('no file or folder has a name that grows god files', () => {
  const forbidden = /^(utils?|helpers?|common|shared|manager|core|misc|index)$/
  const files = globSync('{src,test,scripts,bench,bin,native}/**/*', {
    cwd: root,
    exclude: ['**/node_modules/**', '**/target/**'],
  })
  const wrong = files.filter((path) =>
    path.split('/').some((part) => forbidden.test(basename(part).replace(/(\.test)?\.\w+$/, ''))),
  )
  assert.deepEqual(wrong, [])
})

test('sources lie three folders deep at most, and no file passes 500 lines', () => {
  assert.deepEqual(
    everything.filter((path) => path.split('/').length > 4),
    [],
  )
  const long = everything.filter((path) => readFileSync(join(root, 'src', path), 'utf8').split('\n').length > 501)
  assert.deepEqual(long, [])
})

test('no default exports, no barrels, no silenced compiler', () => {
  assert.deepEqual(offenders(/^export default /m, []), [])
  assert.deepEqual(offenders(/^export \* from/m, []), [])
  assert.deepEqual(offenders(/\bas any\b|: any\b|<any>/, []), [])
  const silenced = sources.filter(({ path }) =>
    /@ts-(ignore|nocheck)/.test(readFileSync(join(root, 'src', path), 'utf8')),
  )
  assert.deepEqual(
    silenced.map(({ path }) => path),
    [],
  )
})

test('the console takes nothing of the server but the types of src/wire', () => {
  const files = globSync('console/src/**/*.{ts,tsx}', { cwd: root })
  const wrong = files.flatMap((path) => {
    const text = readFileSync(join(root, path), 'utf8')
    const imports = [...text.matchAll(/^(?:import|export)\s+(type\s+)?[^'";]*?from\s+'([^']*\/src\/[^']+)'/gm)]
    return imports
      .filter((match) => match[1] === undefined || !/\/src\/wire\/[^/]+\.ts$/.test(match[2] ?? ''))
      .map((match) => `${path} → ${match[2]}`)
  })
  assert.ok(files.length > 10)
  assert.deepEqual(wrong, [])
})
