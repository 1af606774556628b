// The LoRA adapters in `home`: each a GGUF file with a note of the model it is for. Knows no server and no engine process.

import { copyFile, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { fail } from '../../base/errors.ts'
import { withFileLock } from '../../database/file-lock.ts'
import { readAdapter } from '../../engine/adapter-check.ts'
import type { ModelHeader } from '../../engine/header-types.ts'
import { adapterNamePattern } from './adapter-name.ts'
import { requireRoom } from './download-disk.ts'
import { verify } from './download-verify.ts'
import { writeConversion } from './folder-import.ts'

const noteSchema = Type.Object({
  model: Type.String(),
  name: Type.String(),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  bytes: Type.Integer(),
  source: Type.String(),
})

/** An adapter on disk. */
export interface StoredAdapter extends Readonly<Static<typeof noteSchema>> {
  readonly path: string
}

/** All adapters, by model and name. */
export async function storedAdapters(home: string): Promise<readonly StoredAdapter[]> {
  const folder = folderOf(home)
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.gguf')).sort()
  const found = await Promise.all(names.map((name) => readStored(join(folder, name))))
  return found.filter((adapter) => adapter !== undefined)
}

/** The adapter of that model and name; undefined where there is none. */
export async function findAdapter(home: string, model: string, name: string): Promise<StoredAdapter | undefined> {
  return adapterNamePattern.test(name) ? await readStored(fileOf(home, model, name)) : undefined
}

/** An adapter to be stored. */
export interface NewAdapter {
  readonly model: string
  readonly name: string
  /** A GGUF file, or the folder that Hugging Face's PEFT wrote. */
  readonly source: string
  /** The header of the model, which a folder is compared with. */
  readonly base: () => Promise<ModelHeader>
}

/**
 * Copies an adapter into `home` as `name` of `model`; a PEFT folder becomes a GGUF file. Throws `invalid_value`, for a folder with the file,
 * and the field or tensor, that is wrong; `name_taken` where there is one of that name, `disk_full`, and `adapter_unusable` for a file that
 * is no LoRA adapter.
 */
export async function storeAdapter(home: string, { model, name, source, base }: NewAdapter): Promise<StoredAdapter> {
  if (!adapterNamePattern.test(name)) {
    const reason = `"${name.slice(0, 80)}" is no name for an adapter: letters, digits, ".", "-" and "_", at most 64`
    throw fail('invalid_value', { param: 'name', reason })
  }
  const { bytes, write, close } = await openSource(source, name, base)
  const path = fileOf(home, model, name)
  try {
    return await withFileLock(join(folderOf(home), '.lock'), async () => {
      if ((await readStored(path)) !== undefined)
        throw fail('name_taken', { what: 'adapter', name: `${model}+${name}` })
      await requireRoom(path, bytes)
      const partial = `${path}.partial`
      try {
        await write(partial)
        const sha256 = await verify(partial, { bytes, sha256: undefined })
        readAdapter(partial, name)
        const note = { model, name, sha256, bytes, source }
        await writeFile(`${path}.json`, `${JSON.stringify(note)}\n`)
        await rename(partial, path)
        return { ...note, path }
      } finally {
        await rm(partial, { force: true })
      }
    })
  } finally {
    await close()
  }
}

/** How a source becomes a file of ours, and how large that is. */
async function openSource(source: string, name: string, base: NewAdapter['base']) {
  const facts = await stat(source).catch(() => undefined)
  if (facts?.isDirectory() === true) {
    const { openAdapterConversion } = await import('../conversion/peft.ts')
    const conversion = await openAdapterConversion(source, await base())
    return {
      bytes: conversion.bytes,
      write: async (path: string) => void (await writeConversion(conversion, path, () => {})),
      close: () => conversion.close(),
    }
  }
  readAdapter(source, name)
  return {
    bytes: facts?.size ?? 0,
    write: (path: string) => copyFile(source, path),
    close: async () => {},
  }
}

/** Removes an adapter's file. */
export async function removeStoredAdapter({ path }: StoredAdapter): Promise<void> {
  await rm(path, { force: true })
  await rm(`${path}.json`, { force: true })
}

async function readStored(path: string): Promise<StoredAdapter | undefined> {
  try {
    await stat(path)
    const note: unknown = JSON.parse(await readFile(`${path}.json`, 'utf8'))
    return Value.Check(noteSchema, note) ? { ...note, path } : undefined
  } catch {
    return undefined
  }
}

function folderOf(home: string): string {
  return join(home, 'adapters')
}

/** A model's name may hold a colon, which no file may have on every system. */
function fileOf(home: string, model: string, name: string): string {
  return join(folderOf(home), `${model.replaceAll(/[^\w.-]/g, '-')}+${name}.gguf`)
}
