// Every C function that we call, declared once with its TypeScript type. Knows signatures; the rules for calling live in the callers.

import koffi, { type KoffiFunc, type LibraryHandle } from 'koffi'
import {
  batch,
  contextParams,
  modelParams,
  proveLayout,
  quantizeParams,
  type StructValue,
  threadpoolParams,
} from './layout.ts'
import type { Library } from './library.ts'

/** An address in native memory. */
export type Pointer = bigint

/** What C takes where it wants memory: an address, or a typed array that koffi passes without a copy. */
export type Memory = Pointer | Int32Array | Float32Array | Uint8Array | null

type CBool = boolean
type Size = number | bigint

/** The functions of libllama and ggml that Galerne uses. Names are C's without `llama_`; see include/llama.h of v0.5.0. */
export interface Llama {
  readonly library: Library
  readonly modelDefaults: () => StructValue
  readonly contextDefaults: () => StructValue
  readonly modelLoad: KoffiFunc<(path: string, params: StructValue) => Pointer | null>
  readonly modelFree: (model: Pointer) => void
  readonly quantizeDefaults: () => StructValue
  /** 0 when it went well; else the reason is in the log, and a part of the output may lie there. */
  readonly quantize: KoffiFunc<(input: string, output: string, params: StructValue) => number>
  readonly modelVocabulary: (model: Pointer) => Pointer
  readonly modelContextTrain: (model: Pointer) => number
  readonly modelEmbedding: (model: Pointer) => number
  readonly modelEmbeddingOut: (model: Pointer) => number
  readonly modelLayers: (model: Pointer) => number
  readonly modelWindow: (model: Pointer) => number
  readonly modelSize: (model: Pointer) => Size
  readonly modelParameters: (model: Pointer) => Size
  readonly modelHasEncoder: (model: Pointer) => CBool
  readonly modelHasDecoder: (model: Pointer) => CBool
  readonly modelIsRecurrent: (model: Pointer) => CBool
  readonly modelIsHybrid: (model: Pointer) => CBool
  readonly modelIsDiffusion: (model: Pointer) => CBool
  readonly modelClassOutputs: (model: Pointer) => number
  readonly modelDescription: (model: Pointer, buffer: Uint8Array, size: number) => number
  readonly modelMetadata: (model: Pointer, key: string, buffer: Uint8Array, size: number) => number
  readonly modelChatTemplate: (model: Pointer, name: string | null) => string | null

  readonly vocabularyType: (vocabulary: Pointer) => number
  readonly vocabularySize: (vocabulary: Pointer) => number
  readonly vocabularyText: (vocabulary: Pointer, token: number) => string | null
  readonly vocabularyAttribute: (vocabulary: Pointer, token: number) => number
  readonly vocabularyIsEnd: (vocabulary: Pointer, token: number) => CBool
  readonly vocabularyIsControl: (vocabulary: Pointer, token: number) => CBool
  readonly vocabularyToken: Readonly<Record<SpecialToken, (vocabulary: Pointer) => number>>
  readonly vocabularyAddsBos: (vocabulary: Pointer) => CBool
  readonly vocabularyAddsEos: (vocabulary: Pointer) => CBool
  readonly vocabularyAddsSep: (vocabulary: Pointer) => CBool
  readonly tokenize: (
    vocabulary: Pointer,
    text: Memory,
    length: number,
    tokens: Memory,
    capacity: number,
    addSpecial: boolean,
    parseSpecial: boolean,
  ) => number
  readonly tokenToPiece: (
    vocabulary: Pointer,
    token: number,
    buffer: Memory,
    length: number,
    leadingSpaces: number,
    special: boolean,
  ) => number
  readonly detokenize: (
    vocabulary: Pointer,
    tokens: Memory,
    count: number,
    text: Memory,
    capacity: number,
    removeSpecial: boolean,
    writeSpecial: boolean,
  ) => number

  readonly contextCreate: (model: Pointer, params: StructValue) => Pointer | null
  readonly contextFree: (context: Pointer) => void
  readonly contextCells: (context: Pointer) => number
  readonly contextCellsPerSequence: (context: Pointer) => number
  readonly contextBatch: (context: Pointer) => number
  readonly contextMicroBatch: (context: Pointer) => number
  readonly contextSequences: (context: Pointer) => number
  readonly contextPooling: (context: Pointer) => number
  readonly contextMemory: (context: Pointer) => Pointer | null
  readonly setThreads: (context: Pointer, decode: number, batch: number) => void
  readonly setEmbeddings: (context: Pointer, on: boolean) => void
  readonly setCausalAttention: (context: Pointer, on: boolean) => void
  readonly setAbortCallback: (context: Pointer, callback: Memory, data: Memory) => void
  readonly attachThreadpool: (context: Pointer, pool: Pointer, batchPool: Pointer) => void
  readonly detachThreadpool: (context: Pointer) => void
  readonly decode: KoffiFunc<(context: Pointer, batch: StructValue) => number>
  readonly encode: KoffiFunc<(context: Pointer, batch: StructValue) => number>
  readonly synchronize: (context: Pointer) => void
  readonly logits: (context: Pointer) => Pointer | null
  readonly embeddings: (context: Pointer) => Pointer | null
  readonly embeddingOfSequence: (context: Pointer, sequence: number) => Pointer | null

  readonly memoryClear: (memory: Pointer, data: boolean) => void
  readonly memoryRemove: (memory: Pointer, sequence: number, from: number, to: number) => CBool
  readonly memoryCopy: (memory: Pointer, source: number, target: number, from: number, to: number) => void
  readonly memoryFirst: (memory: Pointer, sequence: number) => number
  readonly memoryLast: (memory: Pointer, sequence: number) => number
  readonly stateSize: (context: Pointer, sequence: number, flags: number) => Size
  readonly stateGet: (context: Pointer, target: Memory, size: number, sequence: number, flags: number) => Size
  readonly stateSet: (context: Pointer, source: Memory, size: number, sequence: number, flags: number) => Size

  readonly adapterLoad: KoffiFunc<(model: Pointer, path: string) => Pointer | null>
  readonly adapterFree: (adapter: Pointer) => void
  readonly setAdapters: (context: Pointer, adapters: Memory, count: number, scales: Memory) => number

  readonly threadpoolDefaults: (threads: number) => StructValue
  readonly backendByName: (name: string) => Pointer | null
  readonly backendAddress: (backend: Pointer, name: string) => Pointer | null
  readonly deviceCount: () => Size
  readonly device: (position: number) => Pointer
  readonly deviceType: (device: Pointer) => number
  readonly deviceName: (device: Pointer) => string
  readonly deviceDescription: (device: Pointer) => string
  readonly deviceMemory: (device: Pointer, free: BigUint64Array, total: BigUint64Array) => void
}

/** Tokens that a vocabulary may name, by what they are for. */
export type SpecialToken =
  | 'bos'
  | 'eos'
  | 'eot'
  | 'sep'
  | 'pad'
  | 'mask'
  | 'fim_pre'
  | 'fim_suf'
  | 'fim_mid'
  | 'fim_pad'
  | 'fim_rep'
  | 'fim_sep'

/** Proves the layouts and declares the functions. Throws when a symbol is missing or a layout differs. */
export function declareFunctions(library: Library): Llama {
  proveLayout(library)
  return {
    library,
    ...modelFunctions(library.llama),
    ...vocabularyFunctions(library.llama),
    ...contextFunctions(library.llama),
    ...memoryFunctions(library.llama),
    ...backendFunctions(library),
  }
}

function modelFunctions(llama: LibraryHandle) {
  const of = (result: string, name: string) => llama.func(`${result} llama_model_${name}(void *model)`)
  return {
    modelDefaults: llama.func('llama_model_default_params', modelParams, []),
    contextDefaults: llama.func('llama_context_default_params', contextParams, []),
    modelLoad: llama.func('llama_model_load_from_file', 'void *', ['str', modelParams]),
    modelFree: of('void', 'free'),
    quantizeDefaults: llama.func('llama_model_quantize_default_params', quantizeParams, []),
    quantize: llama.func('llama_model_quantize', 'uint32_t', ['str', 'str', koffi.pointer(quantizeParams)]),
    modelVocabulary: of('void *', 'get_vocab'),
    modelContextTrain: of('int32_t', 'n_ctx_train'),
    modelEmbedding: of('int32_t', 'n_embd'),
    modelEmbeddingOut: of('int32_t', 'n_embd_out'),
    modelLayers: of('int32_t', 'n_layer'),
    modelWindow: of('int32_t', 'n_swa'),
    modelSize: of('uint64_t', 'size'),
    modelParameters: of('uint64_t', 'n_params'),
    modelHasEncoder: of('bool', 'has_encoder'),
    modelHasDecoder: of('bool', 'has_decoder'),
    modelIsRecurrent: of('bool', 'is_recurrent'),
    modelIsHybrid: of('bool', 'is_hybrid'),
    modelIsDiffusion: of('bool', 'is_diffusion'),
    modelClassOutputs: of('uint32_t', 'n_cls_out'),
    modelDescription: llama.func('int32_t llama_model_desc(void *model, void *buffer, size_t size)'),
    modelMetadata: llama.func('int32_t llama_model_meta_val_str(void *model, str key, void *buffer, size_t size)'),
    modelChatTemplate: llama.func('const char *llama_model_chat_template(void *model, str name)'),
    adapterLoad: llama.func('void *llama_adapter_lora_init(void *model, str path)'),
    adapterFree: llama.func('void llama_adapter_lora_free(void *adapter)'),
  }
}

function vocabularyFunctions(llama: LibraryHandle) {
  const of = (result: string, name: string) => llama.func(`${result} llama_vocab_${name}(void *vocab)`)
  const ofToken = (result: string, name: string) =>
    llama.func(`${result} llama_vocab_${name}(void *vocab, int32_t token)`)
  return {
    vocabularyType: of('int32_t', 'type'),
    vocabularySize: of('int32_t', 'n_tokens'),
    vocabularyText: ofToken('const char *', 'get_text'),
    vocabularyAttribute: ofToken('int32_t', 'get_attr'),
    vocabularyIsEnd: ofToken('bool', 'is_eog'),
    vocabularyIsControl: ofToken('bool', 'is_control'),
    vocabularyToken: {
      bos: of('int32_t', 'bos'),
      eos: of('int32_t', 'eos'),
      eot: of('int32_t', 'eot'),
      sep: of('int32_t', 'sep'),
      pad: of('int32_t', 'pad'),
      mask: of('int32_t', 'mask'),
      fim_pre: of('int32_t', 'fim_pre'),
      fim_suf: of('int32_t', 'fim_suf'),
      fim_mid: of('int32_t', 'fim_mid'),
      fim_pad: of('int32_t', 'fim_pad'),
      fim_rep: of('int32_t', 'fim_rep'),
      fim_sep: of('int32_t', 'fim_sep'),
    },
    vocabularyAddsBos: of('bool', 'get_add_bos'),
    vocabularyAddsEos: of('bool', 'get_add_eos'),
    vocabularyAddsSep: of('bool', 'get_add_sep'),
    tokenize: llama.func(
      'int32_t llama_tokenize(void *vocab, void *text, int32_t length, void *tokens, int32_t capacity, bool add, bool parse)',
    ),
    tokenToPiece: llama.func(
      'int32_t llama_token_to_piece(void *vocab, int32_t token, void *buffer, int32_t length, int32_t lstrip, bool special)',
    ),
    detokenize: llama.func(
      'int32_t llama_detokenize(void *vocab, void *tokens, int32_t count, void *text, int32_t capacity, bool remove, bool unparse)',
    ),
  }
}

function contextFunctions(llama: LibraryHandle) {
  return {
    contextCreate: llama.func('llama_init_from_model', 'void *', ['void *', contextParams]),
    contextFree: llama.func('void llama_free(void *context)'),
    contextCells: llama.func('uint32_t llama_n_ctx(void *context)'),
    contextCellsPerSequence: llama.func('uint32_t llama_n_ctx_seq(void *context)'),
    contextBatch: llama.func('uint32_t llama_n_batch(void *context)'),
    contextMicroBatch: llama.func('uint32_t llama_n_ubatch(void *context)'),
    contextSequences: llama.func('uint32_t llama_n_seq_max(void *context)'),
    contextPooling: llama.func('int32_t llama_pooling_type(void *context)'),
    contextMemory: llama.func('void *llama_get_memory(void *context)'),
    setThreads: llama.func('void llama_set_n_threads(void *context, int32_t decode, int32_t batch)'),
    setEmbeddings: llama.func('void llama_set_embeddings(void *context, bool on)'),
    setCausalAttention: llama.func('void llama_set_causal_attn(void *context, bool on)'),
    setAbortCallback: llama.func('void llama_set_abort_callback(void *context, void *callback, void *data)'),
    attachThreadpool: llama.func('void llama_attach_threadpool(void *context, void *pool, void *batch_pool)'),
    detachThreadpool: llama.func('void llama_detach_threadpool(void *context)'),
    decode: llama.func('llama_decode', 'int32_t', ['void *', batch]),
    encode: llama.func('llama_encode', 'int32_t', ['void *', batch]),
    synchronize: llama.func('void llama_synchronize(void *context)'),
    logits: llama.func('void *llama_get_logits(void *context)'),
    embeddings: llama.func('void *llama_get_embeddings(void *context)'),
    embeddingOfSequence: llama.func('void *llama_get_embeddings_seq(void *context, int32_t sequence)'),
    setAdapters: llama.func(
      'int32_t llama_set_adapters_lora(void *context, void *adapters, size_t count, void *scales)',
    ),
  }
}

function memoryFunctions(llama: LibraryHandle) {
  return {
    memoryClear: llama.func('void llama_memory_clear(void *memory, bool data)'),
    memoryRemove: llama.func('bool llama_memory_seq_rm(void *memory, int32_t sequence, int32_t from, int32_t to)'),
    memoryCopy: llama.func(
      'void llama_memory_seq_cp(void *memory, int32_t source, int32_t target, int32_t from, int32_t to)',
    ),
    memoryFirst: llama.func('int32_t llama_memory_seq_pos_min(void *memory, int32_t sequence)'),
    memoryLast: llama.func('int32_t llama_memory_seq_pos_max(void *memory, int32_t sequence)'),
    stateSize: llama.func('size_t llama_state_seq_get_size_ext(void *context, int32_t sequence, uint32_t flags)'),
    stateGet: llama.func(
      'size_t llama_state_seq_get_data_ext(void *context, void *target, size_t size, int32_t sequence, uint32_t flags)',
    ),
    stateSet: llama.func(
      'size_t llama_state_seq_set_data_ext(void *context, void *source, size_t size, int32_t sequence, uint32_t flags)',
    ),
  }
}

function backendFunctions({ base, ggml }: Library) {
  return {
    threadpoolDefaults: base.func('ggml_threadpool_params_default', threadpoolParams, ['int32_t']),
    backendByName: ggml.func('void *ggml_backend_reg_by_name(str name)'),
    backendAddress: base.func('void *ggml_backend_reg_get_proc_address(void *backend, str name)'),
    deviceCount: ggml.func('size_t ggml_backend_dev_count()'),
    device: ggml.func('void *ggml_backend_dev_get(size_t position)'),
    deviceType: base.func('int32_t ggml_backend_dev_type(void *device)'),
    deviceName: base.func('const char *ggml_backend_dev_name(void *device)'),
    deviceDescription: base.func('const char *ggml_backend_dev_description(void *device)'),
    deviceMemory: base.func('void ggml_backend_dev_memory(void *device, void *free, void *total)'),
  }
}
