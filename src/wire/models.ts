// Model cards on the wire: OpenAI's four fields and Mistral's card in one object.
import { type Static, Type } from 'typebox'
import { nullable, timestamp } from './fields.ts'
import type { ModelCard } from './model.ts'
import { seconds } from './times.ts'

/** One model as `GET /v1/models` and `GET /v1/models/{id}` show it. */
export const ModelObject = Type.Object({
  id: Type.String(),
  object: Type.Literal('model'),
  created: timestamp,
  owned_by: Type.String(),
  type: Type.Literal('base'),
  name: Type.String(),
  root: Type.String({ description: 'The model whose weights answer.' }),
  parent: nullable(Type.String({ description: 'The model under the LoRA adapters; null for a model without.' })),
  description: nullable(Type.String()),
  max_context_length: Type.Integer({ description: 'Tokens that one request may hold, prompt and answer together.' }),
  max_model_len: Type.Integer({ description: "vLLM's name of max_context_length." }),
  aliases: Type.Array(Type.String()),
  digest: nullable(Type.String(), {
    description: 'Of the weights, sha256:…; `name@sha256:…` asks for this very version.',
  }),
  deprecation: Type.Null(),
  default_model_temperature: nullable(Type.Number()),
  capabilities: Type.Object({
    completion_chat: Type.Boolean(),
    function_calling: Type.Boolean(),
    completion_fim: Type.Boolean(),
    vision: Type.Boolean(),
    fine_tuning: Type.Boolean(),
    reasoning: Type.Boolean(),
    embeddings: Type.Boolean(),
    reranking: Type.Boolean(),
  }),
})

/** All models in one page. */
export const ModelList = Type.Object({
  object: Type.Literal('list'),
  data: Type.Array(ModelObject),
  total: Type.Integer(),
  has_more: Type.Boolean(),
  first_id: nullable(Type.String()),
  last_id: nullable(Type.String()),
})

/**
 * A card in the shape that both families of clients read. An alias that operators set is a model of its own in the lists of both vendors:
 * its `id` is the alias, its `name` the model that it leads to.
 */
export function modelObject(card: ModelCard, id: string = card.name): Static<typeof ModelObject> {
  return {
    id,
    object: 'model',
    created: seconds(card.createdAt),
    owned_by: card.ownedBy,
    type: 'base',
    name: card.name,
    root: card.parent ?? card.name,
    parent: card.parent ?? null,
    description: card.description,
    max_context_length: card.contextLength,
    max_model_len: card.contextLength,
    aliases: id === card.name ? [...card.aliases] : [card.name, ...card.aliases].filter((alias) => alias !== id),
    digest: card.digest === null ? null : `sha256:${card.digest}`,
    deprecation: null,
    default_model_temperature: card.defaultTemperature,
    capabilities: {
      completion_chat: card.capabilities.chat,
      function_calling: card.capabilities.tools,
      completion_fim: card.capabilities.fillInTheMiddle,
      vision: card.capabilities.vision,
      fine_tuning: false,
      reasoning: card.capabilities.reasoning,
      embeddings: card.capabilities.embeddings,
      reranking: card.capabilities.ranking,
    },
  }
}

/** The whole list: models, then aliases; an alias with a model's own name takes its place. With `only`, what has this name or alias. */
export function modelList(
  cards: readonly ModelCard[],
  aliases: readonly { readonly name: string; readonly card: ModelCard }[] = [],
  only?: string,
): Static<typeof ModelList> {
  const taken = new Set(aliases.map(({ name }) => name))
  const models = cards.filter(({ name }) => !taken.has(name)).map((card) => modelObject(card))
  const all = [...models, ...aliases.map(({ name, card }) => modelObject(card, name))]
  const data = only === undefined ? all : all.filter(({ id, aliases }) => id === only || aliases.includes(only))
  return {
    object: 'list',
    data,
    total: data.length,
    has_more: false,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  }
}
