// Loads one model and everything that belongs to it: context, vocabulary, format, grammars, model card. Knows no request.

import { setImmediate } from 'node:timers/promises'
import { detectFormat } from '../../formats/detect.ts'
import { fillInTheMiddle } from '../../formats/fill-in-the-middle.ts'
import type { ChatFormat, FillInTheMiddle } from '../../formats/format.ts'
import type { ModelCard, Sampling } from '../../wire/model.ts'
import type { EngineSettings, Pooling } from '../messages.ts'
import { Adapters } from './adapters.ts'
import { Context } from './context.ts'
import type { ContextOptions } from './context-options.ts'
import { poolingOf } from './embed.ts'
import { Guidance, type GuidanceVocabulary } from './guidance.ts'
import type { Llama } from './llama.ts'
import { type LoadedModel, loadModel } from './llama-model.ts'
import { Schemas } from './schema.ts'
import { vocabularyFacts } from './template.ts'
import type { Vocabulary } from './vocabulary.ts'

/** A loaded model. */
export interface Engine {
  readonly settings: EngineSettings
  readonly model: LoadedModel
  readonly context: Context
  readonly adapters: Adapters
  readonly vocabulary: Vocabulary
  readonly format: ChatFormat
  readonly fillInTheMiddle: FillInTheMiddle | undefined
  /** Made at the first call: packing a vocabulary for it takes 0.1–0.5 s, and a start should not wait for that. */
  readonly rules: () => Promise<Rules>
  /** What the file recommends where a call says nothing. */
  readonly sampling: Sampling
  /** What the settings say, else the file; `none`: the model gives no embeddings. */
  readonly pooling: Pooling
  readonly card: ModelCard
  /** Build of the engine, as `ranOn` shows it. */
  readonly build: string
}

/** What holds answers to grammars. */
export interface Rules {
  readonly guidance: Guidance
  readonly schemas: Schemas
}

/** Loads. @throws Failure `model_load_failed` */
export async function startEngine(
  llama: Llama,
  settings: EngineSettings,
  progress: (fraction: number) => void,
): Promise<Engine> {
  const model = await loadModel(llama, settings.path, { progress, offload: settings.offload })
  const pooling = settings.pooling ?? poolingOf(model) ?? 'none'
  const context = new Context(llama, model, contextOptions(settings, pooling))
  const { vocabulary } = model
  const facts = vocabularyFacts(vocabulary, (key) => model.metadata(key))
  const format = detectFormat(facts)
  const family = fillInTheMiddle(facts.tokens)
  return {
    settings,
    model,
    context,
    adapters: new Adapters(llama, model),
    vocabulary,
    format,
    fillInTheMiddle: family,
    rules: once(async () => {
      const guidance = Guidance.start(await guidanceVocabulary(vocabulary, format))
      return { guidance, schemas: new Schemas(guidance) }
    }),
    sampling: recommendedSampling(model),
    pooling,
    card: cardOf(settings, model, context.contextLength, format, pooling, family !== undefined),
    build: `llama.cpp-${llama.library.version}`,
  }
}

/** The card of a model that is not loaded, with the context that was planned. @throws Failure `model_load_failed` */
export async function describeModel(llama: Llama, settings: EngineSettings): Promise<Pick<Engine, 'card' | 'build'>> {
  const model = await loadModel(llama, settings.path, { vocabularyOnly: true })
  const facts = vocabularyFacts(model.vocabulary, (key) => model.metadata(key))
  const pooling = settings.pooling ?? poolingOf(model) ?? 'none'
  const fills = fillInTheMiddle(facts.tokens) !== undefined
  const contextLength = Math.ceil(settings.context.contextLength / 256) * 256
  const card = cardOf(settings, model, contextLength, detectFormat(facts), pooling, fills)
  return { card, build: `llama.cpp-${llama.library.version}` }
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** llama.cpp's metadata keys for sampling, as recent converters write them from `generation_config.json`. */
function recommendedSampling(model: LoadedModel): Sampling {
  const keys = { temperature: 'temp', topK: 'top_k', topP: 'top_p', minP: 'min_p' } as const
  const found = Object.entries(keys).map(([name, key]) => {
    const text = model.metadata(`general.sampling.${key}`)
    return [name, text === undefined ? Number.NaN : Number(text)] as const
  })
  return Object.fromEntries(found.filter(([, value]) => Number.isFinite(value)))
}

/** A reranker's head works on pooled outputs, which the library gives only where the whole pair is one micro-batch of outputs. */
function contextOptions({ context }: EngineSettings, pooling: Pooling): ContextOptions {
  if (pooling !== 'rank') return context
  return { ...context, pooling: 'rank', embeddings: true, outputs: context.batchSize }
}

/** Tokens read between two looks at whoever else waits. */
const slice = 1024

async function guidanceVocabulary(vocabulary: Vocabulary, format: ChatFormat): Promise<GuidanceVocabulary> {
  const tokens: Uint8Array[] = []
  const control = new Set<number>()
  for (let id = 0; id < vocabulary.size; id += 1) {
    // Answers go on meanwhile: reading 262,144 tokens at once would stall them for half a second.
    if (id % slice === 0) await setImmediate()
    tokens.push(vocabulary.piece(id))
    if (vocabulary.isControl(id)) control.add(id)
  }
  const stops = format.stopTokens.map((text) => vocabulary.control(text)).filter((id) => id !== undefined)
  return { tokens, control, endOfSequence: [...new Set([...vocabulary.endTokens, ...stops])] }
}

function cardOf(
  settings: EngineSettings,
  model: LoadedModel,
  contextLength: number,
  format: ChatFormat,
  pooling: Pooling,
  fills: boolean,
): ModelCard {
  const ranks = pooling === 'rank'
  const embeds = !ranks && pooling !== 'none'
  const generates = model.causal && !ranks
  return {
    name: settings.name,
    aliases: settings.aliases,
    description: model.metadata('general.name') ?? model.description,
    ownedBy: model.metadata('general.organization') ?? 'galerne',
    createdAt: settings.createdAt,
    contextLength,
    vocabularySize: model.vocabulary.size,
    defaultTemperature: recommendedSampling(model).temperature ?? null,
    capabilities: {
      chat: generates,
      completion: generates,
      tools: generates,
      fillInTheMiddle: generates && fills,
      embeddings: embeds,
      ranking: ranks,
      vision: false,
      reasoning: generates && format.reasoning,
    },
    embeddingLength: embeds ? model.embeddingLength : null,
    digest: settings.digest,
    quantisation: settings.quantisation,
  }
}
