// Makes another quantisation of a model and puts it among the stored ones, as a pull would. Needs no server.

import { rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fail } from '../../base/errors.ts'
import { withFileLock } from '../../database/file-lock.ts'
import { readHeader } from '../../engine/header.ts'
import { findQuantisation, isQuantised, quantisationNames, quantisationOf } from '../../engine/quantisations.ts'
import { quantizeFile } from '../../engine/quantize.ts'
import { type CatalogueEntry, findInCatalogue } from './catalogue.ts'
import { requireRoom, sizeOf } from './download-disk.ts'
import { verify } from './download-verify.ts'
import { type PulledModel, writeNote } from './pull-note.ts'
import { quantisedFile } from './quantised.ts'

/** What is wanted. */
export interface QuantizeOptions {
  readonly home: string
  /** `Q4_K_M`, in any case of letters. */
  readonly to: string
  /** Where to write it; among the stored models without it. */
  readonly output?: string | undefined
  readonly importanceMatrix?: string | undefined
  readonly allowRequantize: boolean
  readonly threads: number
  readonly environment: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
  /** Bytes of the source that are done. */
  readonly onBytes?: ((done: number, total: number) => void) | undefined
  readonly catalogue?: readonly CatalogueEntry[] | undefined
}

/** What was made. */
export interface QuantizedModel {
  readonly model: PulledModel
  readonly from: string
  readonly to: string
  /** Tensors that have the next larger type, because their rows are no whole blocks of the wanted one. */
  readonly fallbacks: number
  /** What `serve` takes. */
  readonly serveAs: string
}

/** Room for the header beside the tensors. */
const headerBytes = 64 * 2 ** 20

/** Makes it. @throws Failure `invalid_value`, `disk_full`, `quantization_failed`; nothing half done stays */
export async function quantizeModel(source: PulledModel, options: QuantizeOptions): Promise<QuantizedModel> {
  const { home, onBytes } = options
  const header = readHeader(source.path, source.name)
  const target = checkTarget(header, options)
  const from = quantisationOf(header)
  const name = `${plainName(source.name, from)}:${target.name}`
  const output = await chooseOutput(name, options)
  const partial = `${output}.partial`
  const lock = join(home, 'models', '.locks', `quantise-${name.replaceAll(':', '-')}.lock`)
  return await withFileLock(lock, async () => {
    await refuseExisting(output)
    const { fallbacks } = await quantizeFile(
      {
        ...{ input: source.path, output: partial, type: target.number, threads: options.threads },
        allowRequantize: options.allowRequantize,
        importance: options.importanceMatrix && resolve(options.importanceMatrix),
      },
      {
        ...{ model: source.name, environment: options.environment, signal: options.signal },
        onSize: (bytes) => requireRoom(output, bytes + headerBytes),
        onProgress: (bytes) => onBytes?.(Math.min(bytes, header.tensorBytes), header.tensorBytes),
      },
    )
    try {
      const sha256 = await verify(partial, { bytes: undefined, sha256: undefined })
      readHeader(partial, name)
      options.signal?.throwIfAborted()
      const how = `quantised from ${source.name} (${source.sha256 ?? 'a local file'})`
      if (options.output === undefined) await writeNote(output, { source: how, sha256, reference: name, name })
      await rename(partial, output)
      const bytes = await sizeOf(output)
      const made = { name, path: output, bytes, sha256, files: [{ path: output, bytes, sha256 }], source: how }
      const serveAs = options.output === undefined ? name : output
      return { model: { ...made, fetched: false }, from, to: target.name, fallbacks, serveAs }
    } finally {
      await rm(partial, { force: true })
    }
  })
}

function checkTarget(
  header: ReturnType<typeof readHeader>,
  { to, allowRequantize }: QuantizeOptions,
): { readonly name: string; readonly number: number } {
  const target = findQuantisation(to)
  const wrong = (param: string, reason: string) => fail('invalid_value', { param, reason })
  if (target === undefined)
    throw wrong('to', `"${to.slice(0, 40)}" is no quantisation; those there are: ${quantisationNames.join(', ')}`)
  const from = quantisationOf(header)
  if (from === target.name) throw wrong('to', `the weights are ${from} already`)
  if (isQuantised(header) && !allowRequantize) {
    const reason = `the weights are quantised already (${from}), and what that lost does not come back: start from F16 weights, or add --allow-requantize`
    throw wrong('to', reason)
  }
  return target
}

/** `SmolLM2-135M-Instruct.Q4_1` and `starter:q4_1` without their quantisation. */
function plainName(name: string, quantisation: string): string {
  const tail = new RegExp(`[.:_-](${quantisation.replaceAll(/\W/g, '')}|f16|bf16|f32)$`, 'i')
  const plain = name.replace(/:[^:]*$/, '').replace(tail, '')
  return plain.replaceAll(/[^\w.-]/g, '-').replace(/^\W+/, '') || 'model'
}

async function chooseOutput(name: string, { home, output, catalogue }: QuantizeOptions): Promise<string> {
  if (output !== undefined) {
    if (!output.toLowerCase().endsWith('.gguf'))
      throw fail('invalid_value', { param: 'output', reason: 'name a file that ends in .gguf' })
    return resolve(output)
  }
  if (findInCatalogue(name, catalogue) !== undefined) {
    const reason = `the catalogue has "${name.toLowerCase()}" already: pull that, or name another file with --output`
    throw fail('invalid_value', { param: 'output', reason })
  }
  return quantisedFile(home, name)
}

async function refuseExisting(output: string): Promise<void> {
  const there = await stat(output).then(
    () => true,
    () => false,
  )
  if (there) throw fail('invalid_value', { param: 'output', reason: `${output} is there already` })
}
