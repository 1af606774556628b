// Catalogue: Mistral AI's models for code.

import { hubFiles } from './catalogue-files.ts'
import { apache, mistralNonProduction } from './catalogue-licences.ts'
import type { CatalogueModel } from './catalogue-schema.ts'

/** The one that completes in the middle first. */
export const fillInModels: readonly CatalogueModel[] = [
  {
    name: 'codestral-22b-v0.1',
    aliases: ['codestral', 'codestral-22b'],
    title: 'Codestral 22B v0.1',
    maker: 'Mistral AI',
    licence: mistralNonProduction,
    task: 'chat',
    capabilities: ['chat', 'completion', 'fill-in-the-middle'],
    languages: ['code', 'en'],
    architecture: 'llama',
    parameters: { total: 22_247_282_688, active: 22_247_282_688 },
    contextLength: 32_768,
    template: 'mistral-v3',
    scores: [
      {
        benchmark: 'HumanEval, Python',
        value: 81.1,
        unit: ' %',
        from: { source: 'https://mistral.ai/news/codestral', date: '2024-05-29' },
      },
      {
        benchmark: 'HumanEval, average of seven languages',
        value: 61.5,
        unit: ' %',
        from: { source: 'https://mistral.ai/news/codestral', date: '2024-05-29' },
      },
    ],
    shape: {
      layers: 56,
      embedding: 6144,
      feedForward: 16_384,
      heads: 48,
      keyValueHeads: 8,
      keyLength: 128,
      valueLength: 128,
      vocabulary: 32_768,
    },
    from: [{ source: 'https://huggingface.co/mistralai/Codestral-22B-v0.1', date: '2024-05-29' }],
    files: hubFiles(
      {
        repository: 'bartowski/Codestral-22B-v0.1-GGUF',
        pattern: 'Codestral-22B-v0.1-{q}.gguf',
        mirrors: ['lmstudio-community/Codestral-22B-v0.1-GGUF'],
      },
      {
        Q4_K_M: {},
        Q5_K_M: {},
        Q6_K: {},
        Q8_0: {},
      },
    ),
  },
  {
    name: 'mamba-codestral-7b-v0.1',
    aliases: ['codestral-mamba', 'codestral-mamba-7b'],
    title: 'Codestral Mamba 7B v0.1',
    maker: 'Mistral AI',
    licence: apache,
    task: 'completion',
    capabilities: ['chat', 'completion'],
    languages: ['code', 'en'],
    architecture: 'mamba2',
    parameters: { total: 7_285_403_648, active: 7_285_403_648 },
    contextLength: 262_144,
    claimedContextLength: 1_048_576,
    template: 'mistral-v3',
    scores: [],
    shape: {
      layers: 64,
      embedding: 4096,
      feedForward: 0,
      heads: 0,
      keyValueHeads: 0,
      keyLength: 0,
      valueLength: 0,
      vocabulary: 32_768,
      recurrent: { kernel: 4, inner: 8192, state: 128, groups: 8, timeStepRank: 128 },
    },
    from: [{ source: 'https://huggingface.co/mistralai/Mamba-Codestral-7B-v0.1', date: '2024-07-16' }],
    notes: ['It keeps a state of fixed size instead of a cache that grows. Tested by its makers up to 256k tokens.'],
    files: [
      ...hubFiles(
        {
          repository: 'viniciusianni/Mamba-Codestral-7B-v0.1-Q4_K_M-GGUF',
          pattern: 'mamba-codestral-7b-v0.1-q4_k_m.gguf',
        },
        { Q4_K_M: { listed: 4.147_481_568 } },
      ),
      ...hubFiles(
        { repository: 'gabriellarson/Mamba-Codestral-7B-v0.1-GGUF', pattern: 'Mamba-Codestral-7B-v0.1-{q}.gguf' },
        { Q4_0: {} },
      ),
    ],
  },
]
