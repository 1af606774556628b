// Run in a process of its own by proofs: asks the engine's library what models would take, without giving them memory, and says it in
// lines of JSON. The library's asserts end the process, and only it.

import koffi from 'koffi'
import { type ContextOptions, toParams } from '../../src/engine/child/context-options.ts'
import { quantizeParams } from '../../src/engine/child/layout.ts'
import { openLibrary } from '../../src/engine/child/library.ts'
import { declareFunctions } from '../../src/engine/child/llama.ts'

/** What is asked: the buffers of contexts of a model, or the size of quantisations of it (their numbers in llama.h). */
export type Question =
  | { readonly type: 'contexts'; readonly path: string; readonly contexts: readonly ContextOptions[] }
  | { readonly type: 'quantisations'; readonly path: string; readonly numbers: readonly number[] }

/** What the library says. Bytes of the weights are exact, buffers are MiB with two digits, as it logs them. */
export type Answer =
  | {
      readonly type: 'contexts'
      readonly weightBytes: number
      readonly parameters: number
      readonly contexts: readonly {
        readonly kv: number
        readonly state: number
        readonly compute: number
        readonly output: number
      }[]
    }
  | { readonly type: 'quantisations'; readonly mebibytes: readonly number[] }

const lines: string[] = []
const llama = declareFunctions(openLibrary((_, line) => lines.push(line)))

/** Without allocation, sizes of buffers stand in the log only: KV and state as `size = …`, the others as `buffer size = …`. */
function logged(pattern: RegExp): number {
  return lines.reduce((sum, line) => sum + Number(pattern.exec(line)?.[1] ?? 0), 0)
}

function askContexts({ path, contexts }: Extract<Question, { type: 'contexts' }>): Answer {
  // The default mode of loading maps the file, and ends the process without memory to map it to.
  const model = llama.modelLoad(path, { ...llama.modelDefaults(), no_alloc: true, load_mode: 0 })
  if (model === null) throw new Error(`${path} does not load: ${lines.slice(-3).join(' ')}`)
  const sizes = contexts.map((options) => {
    lines.length = 0
    const context = llama.contextCreate(model, toParams(llama.contextDefaults(), options))
    if (context === null) throw new Error(`No context for ${path}: ${lines.slice(-3).join(' ')}`)
    llama.contextFree(context)
    return {
      kv: logged(/llama_kv_cache: size = +([\d.]+) MiB/),
      state: logged(/llama_memory_recurrent: size = +([\d.]+) MiB/),
      compute: logged(/compute buffer size = +([\d.]+) MiB/),
      output: logged(/output buffer size = +([\d.]+) MiB/),
    }
  })
  const [weightBytes, parameters] = [Number(llama.modelSize(model)), Number(llama.modelParameters(model))]
  llama.modelFree(model)
  return { type: 'contexts', weightBytes, parameters, contexts: sizes }
}

function askQuantisations({ path, numbers }: Extract<Question, { type: 'quantisations' }>): Answer {
  const { llama: library } = llama.library
  const defaults = library.func('llama_model_quantize_default_params', quantizeParams, [])() as object
  const quantize = library.func('llama_model_quantize', 'uint32_t', ['str', 'str', koffi.pointer(quantizeParams)])
  const mebibytes = numbers.map((ftype) => {
    lines.length = 0
    const code: unknown = quantize(path, `${path}.none`, { ...defaults, ftype, nthread: 1, dry_run: true })
    if (code !== 0) throw new Error(`${path} in mix ${ftype}: ${lines.slice(-3).join(' ')}`)
    return logged(/quant size += +([\d.]+) MiB/)
  })
  return { type: 'quantisations', mebibytes }
}

if (process.argv[2] !== undefined)
  for (const question of JSON.parse(process.argv[2]) as Question[]) {
    const answer = question.type === 'contexts' ? askContexts(question) : askQuantisations(question)
    process.stdout.write(`${JSON.stringify(answer)}\n`)
  }
