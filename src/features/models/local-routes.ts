// The models of this machine over HTTP: their states for everybody who may see models; load, unload, pin, remove and prune for administrators.

import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { fail } from '../../base/errors.ts'
import type { ModelState } from '../../engine/pool-types.ts'
import type { Server } from '../../wire/exchange.ts'
import { errorObject, toFailure } from '../../wire/failure.ts'
import {
  LoadRequest,
  ModelLog,
  ModelLogQuery,
  ModelStateList,
  ModelStateObject,
  type ModelStateShown,
  PinRequest,
  PruneRequest,
  type Removed,
  RemovedObject,
  RemoveRequest,
  StoredModelList,
  UnloadRequest,
} from '../../wire/model-states.ts'
import { ListQuery, pageOf, readPaging } from '../../wire/paging.ts'
import { eventStream, frame } from '../../wire/sse.ts'
import { seconds } from '../../wire/times.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import { registerAdapters } from './adapter-routes.ts'
import { type LocalModels, shownPath } from './local-models.ts'
import { shownDigest } from './name.ts'
import type { Removal } from './stored.ts'

const config = { permission: 'server.write' } as const
const readable = { permission: 'server.read' } as const

/** How often the progress of a load is told. */
const progressMs = 200

interface Parts {
  readonly models: LocalModels
  readonly acts: Acts
  readonly home: string
}

/** Adds the routes. */
export function registerLocalModels(server: Server, parts: Parts): void {
  addReading(server, parts)
  addLoading(server, parts)
  addRemoving(server, parts)
  registerAdapters(server, { adapters: parts.models.adapters, acts: parts.acts })
}

function addReading(server: Server, { models, home }: Parts): void {
  server.get(
    '/galerne/v1/models',
    {
      config: readable,
      schema: {
        tags: ['models'],
        summary: 'What the models of this machine are doing',
        description: 'Loaded or not, how far a load is, who is pinned, and what memory each takes.',
        querystring: ListQuery,
        response: { 200: ModelStateList },
      },
    },
    async ({ query }) => ({
      ...pageOf(models.states().map(shown), readPaging(query), ({ model }) => model),
      memory_bytes: Math.floor(models.memoryBytes),
    }),
  )
  server.get(
    '/galerne/v1/models/log',
    {
      // Lines of the engine name files of this machine.
      config,
      schema: {
        tags: ['models'],
        summary: 'What the engine of a model wrote last',
        querystring: ModelLogQuery,
        response: { 200: ModelLog },
      },
    },
    async ({ query: { model } }) => ({
      ...{ object: 'list' as const, model: models.state(model).model, data: [...models.lines(model)] },
    }),
  )
  server.get(
    '/galerne/v1/models/stored',
    {
      config: readable,
      schema: {
        tags: ['models'],
        summary: 'Weights on this disk',
        querystring: ListQuery,
        response: { 200: StoredModelList },
      },
    },
    async ({ query }) => {
      const stored = (await models.stored()).map(({ files, ...model }) => ({
        object: 'model.stored' as const,
        ...{ name: model.name, reference: model.reference, source: model.source, bytes: model.bytes },
        digest: shownDigest(model.digest),
        files: files.map(({ path, bytes, sha256 }) => ({ path: shownPath(home, path), bytes, sha256 })),
        ...{ shared: files.some(({ blob }) => blob !== undefined), served: model.served },
      }))
      // Versions of one model were pulled by the same reference.
      return pageOf(stored, readPaging(query), ({ reference, digest }) => `${reference} ${digest}`)
    },
  )
}

function addLoading(server: Server, parts: Parts): void {
  const { models } = parts
  server.post(
    '/galerne/v1/models/load',
    {
      config: { ...config, streamed: ModelStateObject },
      schema: {
        tags: ['models'],
        summary: 'Load a model',
        description:
          'Unloads others where it needs their room. Weights that lie on this disk and are not served yet are served from now on: until the server ends, or for good where they are pinned or an alias leads to them.',
        body: LoadRequest,
        response: { 200: ModelStateObject },
      },
    },
    async (request, reply) => {
      const { body, exchange } = request
      const name = await models.serve(body.model)
      await models.change(name, changeOf(body))
      await note(parts, request, 'model.loaded', name)
      const loading = models.load(name)
      if (body.stream !== true) {
        await orGone(loading, exchange.signal)
        return shown(models.state(name))
      }
      return await sendEvents(reply, progressOf(models, name, loading, request), exchange.keepAlive)
    },
  )
  server.post(
    '/galerne/v1/models/unload',
    {
      config,
      schema: {
        tags: ['models'],
        summary: 'Unload a model',
        description: 'Requests at work end first. The next call loads it again.',
        body: UnloadRequest,
        response: { 200: ModelStateObject },
      },
    },
    async (request) => {
      const { model } = models.state(request.body.model)
      await note(parts, request, 'model.unloaded', model)
      await orGone(models.unload(model), request.exchange.signal)
      return shown(models.state(model))
    },
  )
  server.post(
    '/galerne/v1/models/pin',
    {
      config,
      schema: {
        tags: ['models'],
        summary: 'Say how long a model stays loaded',
        description:
          'Pins it without `pinned`. It lasts over restarts of this machine, and stands before the settings `pin` and `priority`.',
        body: PinRequest,
        response: { 200: ModelStateObject },
      },
    },
    async (request) => {
      const { model } = models.state(request.body.model)
      const change = changeOf(request.body)
      const isPin = Object.values(change).every((value) => value === undefined)
      await models.change(model, isPin ? { pinned: true } : change)
      await note(parts, request, 'model.pinned', model, { ...request.body, model: undefined })
      return shown(models.state(model))
    },
  )
}

function addRemoving(server: Server, parts: Parts): void {
  const { models, home } = parts
  server.post(
    '/galerne/v1/models/remove',
    {
      config,
      schema: {
        tags: ['models'],
        summary: 'Remove the weights of a model from this disk',
        description:
          "A model that serves them is unloaded and served no longer. A file that somebody else brought into Hugging Face's cache stays there.",
        body: RemoveRequest,
        response: { 200: RemovedObject },
      },
    },
    async (request) => {
      const { model, force } = request.body
      const removal = await models.remove(model, force === true)
      await note(parts, request, 'model.removed', model)
      return removed(home, removal)
    },
  )
  server.post(
    '/galerne/v1/models/prune',
    {
      config,
      schema: {
        tags: ['models'],
        summary: 'Remove what broken pulls left',
        description: 'And, with `unused`, all weights that no model of this server uses.',
        body: PruneRequest,
        response: { 200: RemovedObject },
      },
    },
    async (request) => {
      const removal = await models.prune(request.body.unused === true)
      await note(parts, request, 'model.pruned', 'all', { unused: request.body.unused === true })
      return removed(home, removal)
    },
  )
}

async function note(
  { acts }: Parts,
  request: FastifyRequest,
  action: string,
  id: string,
  details: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await acts.run(actorOf(request), async (_transaction, write) => {
    write({ action, target: { kind: 'model', id }, details })
  })
}

interface Wishes {
  readonly pinned?: boolean
  readonly priority?: number
  readonly idle_timeout?: number
}

function changeOf({ pinned, priority, idle_timeout }: Wishes) {
  return { pinned, priority, idleMs: idle_timeout === undefined ? undefined : idle_timeout * 1000 }
}

/** What goes on when the client has left is not waited for. */
async function orGone(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const gone = Promise.withResolvers<never>()
  const leave = () => gone.reject(signal.reason ?? fail('client_closed'))
  signal.addEventListener('abort', leave, { once: true })
  try {
    await Promise.race([work, gone.promise])
  } finally {
    signal.removeEventListener('abort', leave)
    work.catch(() => {})
  }
}

/** The state whenever it changed, then `done`, or `failed` with the error. */
async function* progressOf(
  models: LocalModels,
  name: string,
  loading: Promise<void>,
  { id, exchange }: FastifyRequest,
): AsyncGenerator<string> {
  let outcome: { readonly error?: unknown } | undefined
  const ended = loading.then(
    () => (outcome = {}),
    (error: unknown) => (outcome = { error }),
  )
  for (let last = ''; outcome === undefined && !exchange.signal.aborted; ) {
    const next = frame(shown(models.state(name)), 'progress')
    if (next !== last) yield next
    last = next
    await Promise.race([ended, delay(progressMs)])
  }
  const { error } = outcome ?? { error: exchange.signal.reason }
  if (error === undefined) yield frame(shown(models.state(name)), 'done')
  else yield frame({ ...shown(models.state(name)), error: errorObject(toFailure(error, id)) }, 'failed')
}

/** A route's reply is typed by its schema, which is that of the answer in one piece. */
async function sendEvents(
  reply: FastifyReply,
  frames: AsyncIterable<string>,
  keepAlive: number,
): Promise<FastifyReply> {
  reply.header('content-type', 'text/event-stream; charset=utf-8')
  reply.header('cache-control', 'no-cache')
  return await reply.send(eventStream(frames, { keepAlive }))
}

function shown(state: ModelState): ModelStateShown {
  const { plan, failure } = state
  return {
    ...{ object: 'model.state', model: state.model, digest: shownDigest(state.digest), state: state.state },
    progress: state.state === 'loading' ? Math.round(state.fraction * 100) / 100 : null,
    ...{ pinned: state.pinned, priority: state.priority, idle_timeout: Math.round(state.idleMs / 1000) },
    idle_seconds: state.state === 'ready' ? seconds(state.quietMs) : null,
    ...{ running: state.running, waiting: state.waiting },
    ...{ streams: plan.streams, context_length: plan.contextLength, threads: state.threads },
    memory_bytes: Math.ceil(plan.memory.total),
    load_seconds: Math.round(state.loadMs) / 1000,
    ...{ loads: state.loads, restarts: state.restarts, reduced: [...state.reduced] },
    error: failure === null ? null : { code: failure.code, message: failure.message },
  }
}

function removed(home: string, { files, freedBytes, kept }: Removal): Removed {
  const paths = (list: readonly string[]) => list.map((path) => shownPath(home, path))
  return { object: 'model.removed', files: paths(files), freed_bytes: freedBytes, kept: paths(kept) }
}
