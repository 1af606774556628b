// Pulls over HTTP, for administrators: started, watched as events, listed, stopped. A client that leaves stops watching, not the pull.
import type { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { Server } from '../../wire/exchange.ts'
import { ListQuery, pageOf, readPaging } from '../../wire/paging.ts'
import { type Pull, PullList, PullObject, PullRequest } from '../../wire/pulls.ts'
import { eventStream, frame } from '../../wire/sse.ts'
import type { Acts } from '../audit/acts.ts'
import { actorOf } from '../audit/record.ts'
import type { Pulls } from './pull-jobs.ts'

const config = { permission: 'server.write' } as const
const params = Type.Object({ id: Type.String() })

/** Adds the routes. */
export function registerPulls(server: Server, { pulls, acts }: { readonly pulls: Pulls; readonly acts: Acts }): void {
  server.post(
    '/galerne/v1/models/pull',
    {
      config: { ...config, streamed: PullObject },
      schema: {
        tags: ['models'],
        summary: 'Pull the weights of a model',
        description:
          'Events `progress` with rate and time left, then one `done` or `failed`. The pull goes on when the client leaves; asking for the same model again watches the same pull.',
        body: PullRequest,
        response: { 200: PullObject },
      },
    },
    async (request, reply) => {
      const { body, exchange } = request
      const known = new Set(pulls.list().map(({ id }) => id))
      const pull = pulls.start(body.model, body.update === true)
      if (!known.has(pull.id)) {
        await acts.run(actorOf(request), async (_transaction, note) => {
          note({ action: 'model.pull_started', target: { kind: 'model', id: pull.model }, details: { pull: pull.id } })
        })
      }
      if (body.stream === false) return pull
      return await sendEvents(reply, eventStream(frames(pulls.watch(pull.id)), { keepAlive: exchange.keepAlive }))
    },
  )
  server.get(
    '/galerne/v1/models/pulls',
    {
      config,
      schema: { tags: ['models'], summary: 'List the pulls', querystring: ListQuery, response: { 200: PullList } },
    },
    async ({ query }) => pageOf(pulls.list(), readPaging(query)),
  )
  server.get(
    '/galerne/v1/models/pulls/:id',
    { config, schema: { tags: ['models'], summary: 'How far a pull is', params, response: { 200: PullObject } } },
    async (request) => pulls.get(request.params.id),
  )
  server.delete(
    '/galerne/v1/models/pulls/:id',
    {
      config,
      schema: {
        tags: ['models'],
        summary: 'Stop a pull',
        description: 'What has arrived is kept: pulling again goes on from there.',
        params,
        response: { 200: PullObject },
      },
    },
    async (request) => {
      const before = pulls.get(request.params.id)
      const pull = pulls.cancel(before.id)
      if (before.status !== 'running') return pull
      await acts.run(actorOf(request), async (_transaction, note) => {
        note({ action: 'model.pull_stopped', target: { kind: 'model', id: pull.model }, details: { pull: pull.id } })
      })
      return pull
    },
  )
}

/** A route's reply is typed by its schema, which is that of the answer in one piece. */
async function sendEvents(reply: FastifyReply, events: Readable): Promise<FastifyReply> {
  reply.header('content-type', 'text/event-stream; charset=utf-8')
  reply.header('cache-control', 'no-cache')
  return await reply.send(events)
}

async function* frames(states: AsyncIterable<Pull>): AsyncGenerator<string> {
  for await (const state of states) yield frame(state, state.status === 'running' ? 'progress' : state.status)
}
