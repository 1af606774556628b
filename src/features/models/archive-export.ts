// Writes a model into one file that can be carried to a machine without a network: a tar archive of a manifest with digests, and the weights.

import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { create } from 'tar'
import { type ArchiveManifest, manifestName, type OnBytes, refused } from './archive-manifest.ts'
import { requireRoom, sizeOf } from './download-disk.ts'
import { SourceError } from './download-source.ts'
import { verify } from './download-verify.ts'
import { digestOf } from './pull.ts'
import type { PulledModel } from './pull-note.ts'

/**
 * Writes a model that is on disk into one archive. Every file is hashed on the way, so an archive never carries damaged weights. Throws
 * `invalid_value` and `disk_full`; an archive has its name only when it is whole.
 */
export async function exportModel(
  model: PulledModel,
  target: { readonly archive: string; readonly home: string; readonly reference: string },
  onBytes: OnBytes = () => {},
): Promise<ArchiveManifest> {
  const archive = resolve(target.archive)
  if ((await sizeOf(archive)) > 0) throw refused(`${archive} is there already`)
  await requireRoom(archive, model.bytes)
  const manifest = await manifestOf(model, target)
  const staging = await mkdtemp(join(dirname(archive), '.galerne-export-'))
  try {
    await writeFile(join(staging, manifestName), `${JSON.stringify(manifest, null, 2)}\n`)
    for (const [index, { file }] of manifest.files.entries()) {
      await mkdir(dirname(join(staging, file)), { recursive: true })
      await symlink(resolve(model.files[index]?.path ?? ''), join(staging, file))
    }
    const pack = create({ cwd: staging, follow: true, portable: true }, [
      manifestName,
      ...manifest.files.map(({ file }) => file),
    ])
    let done = 0
    const count = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        done += chunk.length
        onBytes(Math.min(done, model.bytes), model.bytes)
        yield chunk
      }
    }
    await pipeline(pack as AsyncIterable<Buffer>, count, createWriteStream(join(staging, 'archive')))
    await rename(join(staging, 'archive'), archive)
    return manifest
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

async function manifestOf(
  model: PulledModel,
  { home, reference }: { readonly home: string; readonly reference: string },
): Promise<ArchiveManifest> {
  const root = join(home, 'models')
  const files: ArchiveManifest['files'] = []
  for (const { path, bytes, sha256: known } of model.files) {
    const sha256 = await verify(path, { bytes, sha256: known }).catch((error: unknown) => {
      throw error instanceof SourceError
        ? refused(`${path} is damaged: ${error.message}. Remove it and pull it again`)
        : error
    })
    const own = path.startsWith(`${root}/`) || path.startsWith(`${root}\\`)
    const file = own ? path.slice(root.length + 1).replaceAll('\\', '/') : `imported/${basename(path)}`
    files.push({ file, bytes, sha256 })
  }
  return { format: 'galerne-model-1', name: model.name, reference, digest: digestOf(files) ?? '', files }
}
