// Makes a few dozen files of the server's sources and the packages that a start needs, which Node reads in a third of the time that it
// takes over 2,100. They run as the sources do; where the packages for building are missing (npm ci --omit=dev) the sources run.
import { existsSync, globSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { buildFolder } from '../bin/build-folder.js'

const root = dirname(import.meta.dirname)
const builds = join(root, 'dist')

/** Native code, and what few starts load: these stay packages. */
const packages = [
  ...['koffi', '@node-rs/argon2', '@aws-sdk/client-s3', '@aws-sdk/lib-storage', '@huggingface/gguf', 'csv-parse'],
  ...['nodemailer', 'openid-client', 'pg', 'pg-cursor', 'protobufjs', 're2js', 'tar'],
]
/** Builds that servers may still be loading files of. */
const kept = 3

/** Whether there is no build of the sources as they are now, and one can be made. */
export function lacksServer(): boolean {
  return existsSync(join(root, 'node_modules/rolldown')) && !existsSync(buildFolder(root))
}

/** Makes it. */
export async function buildServer(): Promise<void> {
  const { rolldown } = await import('rolldown')
  const folder = buildFolder(root)
  const unfinished = `${folder}-${process.pid}`
  const isPackage = new RegExp(`^(${packages.join('|')})(/|$)`)
  const build = await rolldown({
    cwd: root,
    input: {
      ...Object.fromEntries(parts().map((part) => [part, `src/${part}.ts`])),
      // A file by itself, because it tells from its own place where the others are.
      'program-files': 'src/base/program-files.ts',
    },
    platform: 'node',
    // What packages import themselves is built in, or stays outside with them.
    external: (name, importer) => isPackage.test(name) && importer?.includes('node_modules') !== true,
    logLevel: 'warn',
  })
  try {
    const { output } = await build.write({
      ...{ dir: unfinished, entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
    })
    const files = output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []))
    writeFileSync(join(unfinished, 'THIRD-PARTY-LICENSES'), licencesOf(files))
    rmSync(folder, { recursive: true, force: true })
    renameSync(unfinished, folder)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
  removeOlder()
}

/** The command, and the parts of the program that are started by name. */
function parts(): string[] {
  const sources = globSync('src/**/*.ts', { cwd: root, exclude: ['**/*.test.ts'] })
  const calls = sources.flatMap((path) => [
    ...readFileSync(join(root, path), 'utf8').matchAll(/\bprogram(?:File|Url)\('([^']+)'\)/g),
  ])
  return ['cli/galerne', ...new Set(calls.map(([, part = '']) => part))]
}

/** Removes all builds but the one of the sources as they are now: a package carries one. */
export function removeOthers(): void {
  for (const name of readdirSync(builds)) {
    if (name !== basename(buildFolder(root))) rmSync(join(builds, name), { recursive: true })
  }
}

function removeOlder(): void {
  const age = (name: string) => statSync(join(builds, name)).mtimeMs
  const sorted = readdirSync(builds).sort((one, other) => age(other) - age(one))
  for (const name of sorted.slice(kept)) rmSync(join(builds, name), { recursive: true })
}

/** What the licences of the packages that are built in ask to stand beside them. */
function licencesOf(files: readonly string[]): string {
  const folders = new Set(
    files.flatMap((path) => /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(path) ?? []),
  )
  return [...folders]
    .sort()
    .map((folder) => {
      const text = readFileSync(join(folder, 'package.json'), 'utf8')
      const { name, version, license } = JSON.parse(text) as Record<'name' | 'version' | 'license', string>
      const own = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
      const texts = own.map((file) => readFileSync(join(folder, file), 'utf8').trim())
      return [`${name} ${version} (${license})`, ...texts].join('\n\n')
    })
    .join(`\n\n${'-'.repeat(80)}\n\n`)
}
