// The route that deletes one person's data. Knows no table.
import { Type } from 'typebox'
import type { Server } from '../../wire/exchange.ts'
import { PersonForgotten } from '../../wire/people.ts'
import { actorOf } from '../audit/record.ts'
import { mustGrantPerson } from '../members/openai-routes.ts'
import { listPeople } from '../members/store.ts'
import { type Forgetting, forgetPerson } from './forget.ts'

/** Adds the route. */
export function registerPeople(server: Server, parts: Forgetting): void {
  server.delete(
    '/galerne/v1/people/:person',
    {
      config: { permission: 'users.write' },
      schema: {
        tags: ['users'],
        summary: "Delete one person's data",
        description:
          'By the id or the e-mail address of somebody who is here, or by the id that clients gave their end user. Keys and sessions end; what was said, what they shared by link, private files and private prompts go; counts, money and what was made for a workspace stay and name nobody. Shared files that they uploaded stay and are listed, or go with `shared_files=delete`. The audit log keeps its chain: its entries hold pseudonyms. May be run again.',
        querystring: Type.Object({ shared_files: Type.Optional(Type.Enum(['keep', 'delete'])) }),
        params: Type.Object({ person: Type.String({ minLength: 1, maxLength: 512 }) }),
        response: { 200: PersonForgotten },
      },
    },
    async (request) => {
      const { person } = request.params
      const known = (await listPeople(parts.acts.database.query)).find(
        ({ id, email }) => id === person || email === person.toLowerCase(),
      )
      if (known !== undefined) mustGrantPerson(request.exchange.caller, known.role)
      const { shared_files: shared = 'keep' } = request.query
      const { sharedFiles: shared_files, ...counts } = await forgetPerson(parts, actorOf(request), person, shared)
      return { object: 'person.forgotten' as const, ...counts, shared_files: [...shared_files] }
    },
  )
}
