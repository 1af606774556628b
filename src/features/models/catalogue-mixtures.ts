// Catalogue: Mistral AI's mixtures of experts. Memory goes by all parameters, speed by the active ones.

import { hubFiles } from './catalogue-files.ts'
import { apache } from './catalogue-licences.ts'
import type { CatalogueModel } from './catalogue-schema.ts'

/** Smallest first. */
export const mixtureModels: readonly CatalogueModel[] = [
  {
    name: 'mixtral-8x7b-instruct-v0.1',
    aliases: ['mixtral', 'mixtral-8x7b', 'open-mixtral-8x7b'],
    title: 'Mixtral 8x7B Instruct v0.1',
    maker: 'Mistral AI',
    licence: apache,
    task: 'chat',
    capabilities: ['chat', 'completion'],
    languages: ['en', 'fr', 'de', 'es', 'it'],
    architecture: 'llama',
    parameters: { total: 46_702_792_704, active: 12_879_925_248 },
    contextLength: 32_768,
    template: 'mistral-v1',
    scores: [
      {
        benchmark: 'MT-Bench',
        value: 8.3,
        from: { source: 'https://mistral.ai/news/mixtral-of-experts', date: '2023-12-11' },
      },
    ],
    shape: {
      layers: 32,
      embedding: 4096,
      feedForward: 14_336,
      heads: 32,
      keyValueHeads: 8,
      keyLength: 128,
      valueLength: 128,
      vocabulary: 32_000,
      experts: 8,
      expertsUsed: 2,
    },
    from: [{ source: 'https://huggingface.co/mistralai/Mixtral-8x7B-Instruct-v0.1', date: '2023-12-11' }],
    notes: [
      'Files of before April 2024 (26.4 GB in Q4_K_M) keep each expert in a tensor of its own, and the engine does not load them.',
    ],
    files: hubFiles(
      { repository: 'gobean/Mixtral-8x7B-Instruct-v0.1-GGUF', pattern: 'Mixtral-8x7B-Instruct-v0.1-{q-}.gguf' },
      {
        Q4_K_M: { listed: 28.4 },
        Q5_K_M: { listed: 33.2 },
        Q6_K: { listed: 38.4 },
        Q3_K_M: { listed: 22.5 },
        Q4_0: { listed: 26.4 },
      },
    ),
  },
  {
    name: 'mixtral-8x22b-instruct-v0.1',
    aliases: ['mixtral-8x22b', 'open-mixtral-8x22b'],
    title: 'Mixtral 8x22B Instruct v0.1',
    maker: 'Mistral AI',
    licence: apache,
    task: 'chat',
    capabilities: ['chat', 'completion', 'tools'],
    languages: ['en', 'fr', 'de', 'es', 'it'],
    architecture: 'llama',
    parameters: { total: 140_630_071_296, active: 39_161_468_928 },
    contextLength: 65_536,
    template: 'mistral-v3',
    scores: [
      {
        benchmark: 'GSM8K, majority of 8',
        value: 90.8,
        unit: ' %',
        from: { source: 'https://mistral.ai/news/mixtral-8x22b', date: '2024-04-17' },
      },
      {
        benchmark: 'MATH, majority of 4',
        value: 44.6,
        unit: ' %',
        from: { source: 'https://mistral.ai/news/mixtral-8x22b', date: '2024-04-17' },
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
      experts: 8,
      expertsUsed: 2,
    },
    from: [{ source: 'https://huggingface.co/mistralai/Mixtral-8x22B-Instruct-v0.1', date: '2024-04-17' }],
    files: hubFiles(
      { repository: 'MaziyarPanahi/Mixtral-8x22B-Instruct-v0.1-GGUF', pattern: 'Mixtral-8x22B-Instruct-v0.1.{q}.gguf' },
      {
        Q4_K_M: { parts: 2 },
        Q4_K_S: { parts: 2 },
      },
    ),
  },
]
