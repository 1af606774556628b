// Shares: something of the console kept under an id, to be opened by whoever is signed in and works in that workspace, until it ends.
import { Type } from 'typebox'
import type { Clock } from '../../base/clock.ts'
import { type Failure, fail } from '../../base/errors.ts'
import type { Database } from '../../database/connect.ts'
import type { Row } from '../../database/tables.ts'
import type { Caller, Server } from '../../wire/exchange.ts'
import { idField } from '../../wire/fields.ts'
import { ListQuery, listObject, readPaging } from '../../wire/paging.ts'
import { may } from '../../wire/permissions.ts'
import {
  CreateShareRequest,
  DeletedShare,
  mostContent,
  OpenShareObject,
  ShareList,
  ShareObject,
  shareObject,
} from '../../wire/shares.ts'
import { shareStore } from './store.ts'

const tags = ['shares']
const reading = { permission: 'shares.read' } as const
const writing = { permission: 'shares.write' } as const
const params = Type.Object({ id: idField })
const usualLifeSeconds = 30 * 86_400

/** Adds the four routes. */
export function registerShares(
  server: Server,
  { database, clock }: { readonly database: Database; readonly clock: Clock },
): void {
  const store = shareStore(database, clock)
  const opened = async (caller: Caller, id: string): Promise<Row<'shares'>> => {
    const share = await store.find(id)
    // Another workspace's is not there.
    if (share === undefined || !may(caller, 'shares.read', share.workspace)) throw unknown(id)
    return share
  }
  server.post(
    '/galerne/v1/shares',
    {
      config: writing,
      schema: {
        tags,
        summary: 'Share something of the console by link',
        description: 'It is opened with its id, by those who are signed in and work in this workspace.',
        body: CreateShareRequest,
        response: { 200: ShareObject },
      },
    },
    async ({ body, exchange: { caller } }) => {
      const content = JSON.stringify(body.content)
      if (Buffer.byteLength(content) > mostContent) {
        throw fail('invalid_value', { param: 'content', reason: `it must be at most ${mostContent} bytes of JSON` })
      }
      const lifeMs = (body.expires_in_seconds ?? usualLifeSeconds) * 1000
      const { workspace } = caller
      return shareObject(await store.create({ workspace, owner: ownerOf(caller), title: body.title, content, lifeMs }))
    },
  )
  server.get(
    '/galerne/v1/shares',
    {
      config: reading,
      schema: {
        tags,
        summary: 'List what is shared in the workspace',
        querystring: ListQuery,
        response: { 200: ShareList },
      },
    },
    async ({ query, exchange: { caller } }) => {
      const paging = readPaging(query)
      const shares = await store.list(caller.workspace, { after: paging.after, limit: paging.limit + 1 })
      return listObject(shares.map(shareObject), paging, undefined)
    },
  )
  server.get(
    '/galerne/v1/shares/:id',
    { config: reading, schema: { tags, summary: 'Open a share', params, response: { 200: OpenShareObject } } },
    async (request) => {
      const share = await opened(request.exchange.caller, request.params.id)
      return { ...shareObject(share), content: JSON.parse(share.content) as Record<string, unknown> }
    },
  )
  server.delete(
    '/galerne/v1/shares/:id',
    {
      config: writing,
      schema: {
        tags,
        summary: 'End a share',
        description: 'Whoever made it may, and who leads the workspace.',
        params,
        response: { 200: DeletedShare },
      },
    },
    async ({ params: { id }, exchange: { caller } }) => {
      const share = await opened(caller, id)
      if (share.owner !== ownerOf(caller) && !may(caller, 'workspaces.write', share.workspace)) {
        throw fail('forbidden', { permission: 'workspaces.write', workspace: share.workspace })
      }
      await store.remove(share.id)
      return { id: share.id, object: 'share' as const, deleted: true as const }
    },
  )
}

/** The person behind a key, else the key. */
const ownerOf = ({ user, id }: Caller): string => user ?? id

const unknown = (id: string): Failure => fail('not_found', { what: 'share', id: id.slice(0, 100), param: 'id' })
