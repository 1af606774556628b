// The C structs of llama.cpp v0.5.0 (include/llama.h, ggml.h) as koffi types, and the proof that they match the opened library.

import koffi, { type TypeObject } from 'koffi'
import type { Library } from './library.ts'

/** `struct llama_model_params`. Enums are int32; pointers that we never follow are `void *`. */
export const modelParams = koffi.struct('llama_model_params', {
  devices: 'void *',
  tensor_buft_overrides: 'void *',
  n_gpu_layers: 'int32_t',
  split_mode: 'int32_t',
  load_mode: 'int32_t',
  lazy_mode: 'int32_t',
  main_gpu: 'int32_t',
  tensor_split: 'void *',
  progress_callback: 'void *',
  progress_callback_user_data: 'void *',
  kv_overrides: 'void *',
  vocab_only: 'bool',
  check_tensors: 'bool',
  use_extra_bufts: 'bool',
  no_host: 'bool',
  no_alloc: 'bool',
  load_mtp: 'bool',
})

/** `struct llama_context_params`. */
export const contextParams = koffi.struct('llama_context_params', {
  n_ctx: 'uint32_t',
  n_batch: 'uint32_t',
  n_ubatch: 'uint32_t',
  n_seq_max: 'uint32_t',
  n_rs_seq: 'uint32_t',
  n_outputs_max: 'uint32_t',
  n_outputs_max_per_seq: 'uint32_t',
  n_threads: 'int32_t',
  n_threads_batch: 'int32_t',
  ctx_type: 'int32_t',
  rope_scaling_type: 'int32_t',
  pooling_type: 'int32_t',
  attention_type: 'int32_t',
  flash_attn_type: 'int32_t',
  rope_freq_base: 'float',
  rope_freq_scale: 'float',
  yarn_ext_factor: 'float',
  yarn_attn_factor: 'float',
  yarn_beta_fast: 'float',
  yarn_beta_slow: 'float',
  yarn_orig_ctx: 'uint32_t',
  defrag_thold: 'float',
  cb_eval: 'void *',
  cb_eval_user_data: 'void *',
  type_k: 'int32_t',
  type_v: 'int32_t',
  abort_callback: 'void *',
  abort_callback_data: 'void *',
  embeddings: 'bool',
  offload_kqv: 'bool',
  no_perf: 'bool',
  op_offload: 'bool',
  swa_full: 'bool',
  kv_unified: 'bool',
  samplers: 'void *',
  n_samplers: 'size_t',
  ctx_other: 'void *',
})

/** `struct llama_batch`, passed by value; its arrays live in native memory that we allocate once. */
export const batch = koffi.struct('llama_batch', {
  n_tokens: 'int32_t',
  token: 'void *',
  embd: 'void *',
  pos: 'void *',
  n_seq_id: 'void *',
  seq_id: 'void *',
  logits: 'void *',
})

/** `struct llama_model_quantize_params`. */
export const quantizeParams = koffi.struct('llama_model_quantize_params', {
  nthread: 'int32_t',
  ftype: 'int32_t',
  output_tensor_type: 'int32_t',
  token_embedding_type: 'int32_t',
  allow_requantize: 'bool',
  quantize_output_tensor: 'bool',
  only_copy: 'bool',
  pure: 'bool',
  keep_split: 'bool',
  dry_run: 'bool',
  imatrix: 'void *',
  kv_overrides: 'void *',
  tt_overrides: 'void *',
  prune_layers: 'void *',
  max_buf_size: 'size_t',
})

/** `struct llama_model_imatrix_data`, an entry of the array that ends with a null name. */
export const importanceEntry = koffi.struct('llama_model_imatrix_data', {
  name: 'void *',
  data: 'void *',
  size: 'size_t',
})

/** `struct ggml_threadpool_params`; 512 is GGML_MAX_N_THREADS. */
export const threadpoolParams = koffi.struct('ggml_threadpool_params', {
  cpumask: koffi.array('bool', 512),
  n_threads: 'int32_t',
  prio: 'int32_t',
  poll: 'uint32_t',
  strict_cpu: 'bool',
  paused: 'bool',
})

/** A struct as koffi hands it over: field name to number, boolean or pointer. */
export type StructValue = Record<string, unknown>

// Defaults as llama.cpp v0.5.0's source states them. Values that sit before, between and after every kind of field: a shifted,
// widened or missing member makes at least one of them read wrong.
const expected: readonly [string, TypeObject, StructValue][] = [
  [
    'llama_model_default_params',
    modelParams,
    { n_gpu_layers: -1, split_mode: 1, lazy_mode: 1, main_gpu: 0, use_extra_bufts: true, check_tensors: false },
  ],
  [
    'llama_context_default_params',
    contextParams,
    {
      n_ctx: 512,
      n_batch: 2048,
      n_ubatch: 512,
      n_seq_max: 1,
      n_outputs_max: 0,
      n_outputs_max_per_seq: 1,
      n_threads: 4,
      pooling_type: -1,
      flash_attn_type: -1,
      yarn_ext_factor: -1,
      yarn_orig_ctx: 0,
      defrag_thold: -1,
      type_k: 1,
      type_v: 1,
      embeddings: false,
      offload_kqv: true,
      no_perf: true,
      op_offload: true,
      swa_full: true,
      kv_unified: false,
      ctx_other: null,
    },
  ],
  [
    'llama_model_quantize_default_params',
    quantizeParams,
    {
      nthread: 0,
      ftype: 7,
      output_tensor_type: 43,
      token_embedding_type: 43,
      allow_requantize: false,
      quantize_output_tensor: true,
      only_copy: false,
      pure: false,
      keep_split: false,
      dry_run: false,
      imatrix: null,
      kv_overrides: null,
      tt_overrides: null,
      prune_layers: null,
      max_buf_size: 2 ** 33,
    },
  ],
]

/** Reads the library's own defaults through our layouts and compares; throws with every difference, and the engine does not start. */
export function proveLayout(library: Library): void {
  const differences: string[] = []
  for (const [name, type, values] of expected)
    compare(name, library.llama.func(name, type, [])() as StructValue, values, differences)
  const pool = library.base.func('ggml_threadpool_params_default', threadpoolParams, ['int32_t'])(3) as StructValue
  compare('ggml_threadpool_params_default', pool, { n_threads: 3, poll: 50, prio: 0, paused: false }, differences)
  if (differences.length > 0)
    throw new Error(
      `The engine library does not have the layout this release was written for: ${differences.join('; ')}. Run npm ci.`,
    )
}

function compare(name: string, actual: StructValue, values: StructValue, differences: string[]): void {
  for (const [field, value] of Object.entries(values))
    if (actual[field] !== value) differences.push(`${name}.${field} is ${String(actual[field])}, not ${String(value)}`)
}
