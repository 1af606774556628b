// Mistral's prompt registry (`/v2/prompts`): prompts with versions, aliases and variables, by name or id.
import { type Static, Type } from 'typebox'
import { fail } from '../../base/errors.ts'
import type { Caller, Server } from '../../wire/exchange.ts'
import {
  CreatedPromptVersion,
  CreatePromptRequest,
  CreatePromptVersionRequest,
  type PromptDefinition,
  PromptObject,
  PromptPage,
  PromptVersionPage,
  UpdatePromptRequest,
  UpdatePromptVersionRequest,
} from '../../wire/prompts.ts'
import { promptObject, promptVersionObject } from './encode.ts'
import { type PromptRenderer, variablesOf } from './render.ts'
import type { Definition, PromptReader, PromptStore } from './store.ts'

/** What the routes need. */
export interface PromptParts {
  readonly store: PromptStore
  readonly renderer: PromptRenderer
}

const read = { permission: 'prompts.read' } as const
const write = { permission: 'prompts.write' } as const
const tags = ['prompts']
const byId = Type.Object({ prompt_id: Type.String({ maxLength: 200 }) })
const byVersion = Type.Object({
  prompt_id: Type.String({ maxLength: 200 }),
  version: Type.String({ pattern: '^[1-9][0-9]{0,8}$' }),
})
const choice = Type.Object({
  version: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,8}$' })),
  alias: Type.Optional(Type.String({ maxLength: 64 })),
})
const pageSize = Type.Optional(Type.String({ pattern: '^[0-9]{1,4}$' }))
const usualPage = '50'
const largestPage = 100
/** More than any prompt has. */
const mostVersions = 1_000_000_000

function sizeOf(asked: string): number {
  const size = Number(asked)
  if (size >= 1 && size <= largestPage) return size
  throw fail('invalid_value', { param: 'pageSize', reason: `it must be from 1 to ${largestPage}` })
}

/** Adds the routes. */
export function registerPrompts(server: Server, parts: PromptParts): void {
  registerPromptList(server, parts)
  registerPrompt(server, parts)
  registerVersions(server, parts)
}

/** Whose prompts are seen: the person's behind a key, else the key's own. */
export function promptReader({ workspace, user, id }: Pick<Caller, 'workspace' | 'user' | 'id'>): PromptReader {
  return { workspace, owner: user ?? id }
}

function registerPromptList(server: Server, { store, renderer }: PromptParts): void {
  server.get(
    '/v2/prompts',
    {
      config: read,
      schema: {
        tags,
        summary: 'List prompts',
        description: 'Each with its latest version, or with the one that the alias points to. The newest first.',
        querystring: Type.Object({
          pageSize,
          pageToken: Type.Optional(Type.String({ maxLength: 100 })),
          alias: Type.Optional(Type.String({ maxLength: 64 })),
        }),
        response: { 200: PromptPage },
      },
    },
    async ({ query, exchange }) => {
      const size = sizeOf(query.pageSize ?? usualPage)
      const found = await store.list(promptReader(exchange.caller), {
        limit: size + 1,
        ...(query.pageToken !== undefined && { after: query.pageToken }),
        ...(query.alias !== undefined && { alias: query.alias }),
      })
      const page = found.slice(0, size)
      const last = found.length > size ? page.at(-1) : undefined
      return { data: page.map(promptObject), ...(last !== undefined && { nextPageToken: last.prompt.id }) }
    },
  )
  server.post(
    '/v2/prompts',
    {
      config: write,
      schema: { tags, summary: 'Make a prompt', body: CreatePromptRequest, response: { 200: PromptObject } },
    },
    async ({ body, exchange }) => {
      const made = await store.create(promptReader(exchange.caller), {
        name: body.name,
        title: body.title ?? null,
        description: body.description ?? null,
        sharing: body.sharingScope === 'private' ? 'private' : 'workspace',
        definition: await readDefinition(body.definition, renderer),
        notes: body.notes ?? null,
        aliases: body.aliases ?? [],
      })
      return promptObject(made)
    },
  )
}

function registerPrompt(server: Server, { store }: PromptParts): void {
  server.get(
    '/v2/prompts/:prompt_id',
    {
      config: read,
      schema: { tags, summary: 'One prompt', params: byId, querystring: choice, response: { 200: PromptObject } },
    },
    async ({ params, query, exchange }) =>
      promptObject(
        await store.find(promptReader(exchange.caller), params.prompt_id, {
          ...(query.version !== undefined && { version: Number(query.version) }),
          ...(query.alias !== undefined && { alias: query.alias }),
        }),
      ),
  )
  server.patch(
    '/v2/prompts/:prompt_id',
    {
      config: write,
      schema: {
        tags,
        summary: 'Change what is said about a prompt',
        params: byId,
        body: UpdatePromptRequest,
        response: { 200: PromptObject },
      },
    },
    async ({ params, body, exchange }) =>
      promptObject(
        await store.update(promptReader(exchange.caller), params.prompt_id, {
          ...(body.title !== undefined && { title: body.title }),
          ...(body.description !== undefined && { description: body.description }),
          ...((body.sharingScope === 'private' || body.sharingScope === 'workspace') && { sharing: body.sharingScope }),
        }),
      ),
  )
  server.delete(
    '/v2/prompts/:prompt_id',
    {
      config: write,
      schema: {
        tags,
        summary: 'Remove a prompt with all its versions',
        params: byId,
        response: { 200: Type.Object({}) },
      },
    },
    async ({ params, exchange }) => {
      await store.remove(promptReader(exchange.caller), params.prompt_id)
      return {}
    },
  )
}

function registerVersions(server: Server, { store, renderer }: PromptParts): void {
  const path = '/v2/prompts/:prompt_id/versions'
  server.get(
    path,
    {
      config: read,
      schema: {
        tags,
        summary: 'The versions of a prompt',
        description: "All of them, as Mistral's clients expect; with `pageSize` in pages.",
        params: byId,
        querystring: Type.Object({ pageSize, pageToken: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,8}$' })) }),
        response: { 200: PromptVersionPage },
      },
    },
    async ({ params, query, exchange }) => {
      const reader = promptReader(exchange.caller)
      const before = query.pageToken === undefined ? undefined : Number(query.pageToken)
      const limit = query.pageSize === undefined ? mostVersions : sizeOf(query.pageSize)
      const found = await store.versions(reader, params.prompt_id, { before, limit: limit + 1 })
      const data = found.slice(0, limit).map(promptVersionObject)
      const last = found.length > limit ? data.at(-1) : undefined
      return { data, ...(last !== undefined && { nextPageToken: String(last.version) }) }
    },
  )
  server.post(
    path,
    {
      config: write,
      schema: {
        tags,
        summary: 'Add a version',
        description: 'Where the latest says the same already, no version is added.',
        params: byId,
        body: CreatePromptVersionRequest,
        response: { 200: CreatedPromptVersion },
      },
    },
    async ({ params, body, exchange }) =>
      await store.addVersion(promptReader(exchange.caller), params.prompt_id, {
        definition: await readDefinition(body.definition, renderer),
        notes: body.notes ?? null,
        aliases: body.aliases ?? [],
      }),
  )
  server.get(
    `${path}/:version`,
    {
      config: read,
      schema: { tags, summary: 'One version', params: byVersion, response: { 200: PromptObject } },
    },
    async ({ params, exchange }) =>
      promptObject(
        await store.find(promptReader(exchange.caller), params.prompt_id, { version: Number(params.version) }),
      ),
  )
  server.patch(
    `${path}/:version`,
    {
      config: write,
      schema: {
        tags,
        summary: 'Change notes and labels of a version',
        params: byVersion,
        body: UpdatePromptVersionRequest,
        response: { 200: PromptObject },
      },
    },
    async ({ params, body, exchange }) =>
      promptObject(
        await store.updateVersion(promptReader(exchange.caller), params.prompt_id, Number(params.version), {
          ...(body.notes !== undefined && { notes: body.notes }),
          ...(body.aliases != null && { aliases: body.aliases.values ?? [] }),
        }),
      ),
  )
}

/** A definition with its variables: those it names, or those its text shows. A template that cannot be parsed is refused here. */
async function readDefinition(sent: Static<typeof PromptDefinition>, renderer: PromptRenderer): Promise<Definition> {
  const reason = await renderer.check(sent.content)
  if (reason !== undefined) throw fail('invalid_value', { param: 'definition.content', reason })
  const named = sent.variables?.map((variable) => variable.name).filter((name) => name !== undefined)
  return { content: sent.content, variables: [...new Set(named ?? variablesOf(sent.content))] }
}
