// Refuses the one character that no text of PostgreSQL can hold: what SQLite took could never be moved there. Knows no schema.
import type { FastifyInstance } from 'fastify'
import { fail } from '../base/errors.ts'
import type { Permission } from '../wire/permissions.ts'

/** Bodies that hold what models read, applications trace, lines of batches and shares: stored as JSON, where the character is written as an escape. */
const carriers: ReadonlySet<Permission> = new Set(['models.use', 'traces.write', 'batches.write', 'shares.write'])

/** Adds the check of paths, queries and bodies, before they meet their schemas. Call it before routes are added. */
export function refuseNullCharacters(server: FastifyInstance): void {
  server.addHook('preValidation', async ({ params, query, body, routeOptions }) => {
    const { permission } = routeOptions.config
    demandText(params, '')
    demandText(query, '')
    if (permission === undefined || !carriers.has(permission)) demandText(body, '')
  })
}

/** Throws where a text inside holds the character; `place` is the way there. Bodies were bounded in depth when they were parsed. */
function demandText(value: unknown, place: string): void {
  if (typeof value === 'string') {
    if (!value.includes('\0')) return
    throw fail('invalid_value', { param: place.slice(0, 200), reason: 'it holds the character U+0000' })
  }
  if (typeof value !== 'object' || value === null) return
  for (const [name, inside] of Object.entries(value)) {
    const step = Array.isArray(value) ? `${place}[${name}]` : place === '' ? name : `${place}.${name}`
    demandText(inside, step)
  }
}
