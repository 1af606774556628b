// Writes one entry of the audit log, in the transaction of the act itself: both are kept or neither is. Knows no act by name.
//
// How another feature records what an administrator did:
//
//   await query.transaction().execute(async (transaction) => {
//     …the act…
//     await record(transaction, {
//       at: clock.now(),
//       actor: actorOf(request),
//       action: 'rate_limit.updated',          // `noun.participle`; OpenAI's names where it has one
//       workspace,                             // absent: it concerns the organisation
//       target: { kind: 'workspace', id },
//       details: { tokens_per_minute: 5000 },  // facts by id: no names, no addresses, no secrets
//     })
//   })
//
// Make it the last statement: from here to the commit no other act can be recorded.

import type { FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import { hexId, newId } from '../../base/ids.ts'
import type { Tables } from '../../database/tables.ts'
import { hashEntry } from './chain.ts'

/** Who acts. A Caller is one. */
export interface Actor {
  readonly kind: 'key' | 'session' | 'system'
  /** Id of the key or session; for `system` what acts: `first-start`. */
  readonly id: string
  readonly user?: string
  readonly serviceAccount?: string
  /** The network address it came from. */
  readonly address?: string
}

/** One act of an administrator. */
export interface Act {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly actor: Actor
  readonly action: string
  readonly workspace?: string
  /** What was acted on. The kind `user` holds a person's id, which is stored as a pseudonym. */
  readonly target: { readonly kind: string; readonly id: string }
  readonly details?: Readonly<Record<string, unknown>>
}

/** The actor of a request. */
export function actorOf({ exchange, ip }: Pick<FastifyRequest, 'exchange' | 'ip'>): Actor {
  const { id, kind, user, serviceAccount } = exchange.caller
  return {
    ...{ id, kind, address: ip },
    ...(user !== undefined && { user }),
    ...(serviceAccount !== undefined && { serviceAccount }),
  }
}

/** Appends the entry. Its hash binds it to the one before; people appear as pseudonyms, so that forgetting one changes no entry. */
export async function record(transaction: Kysely<Tables>, act: Act): Promise<void> {
  const { actor, target, at, action } = act
  const person = actor.user === undefined ? null : await pseudonymOf(transaction, actor.user)
  const targetId = target.kind === 'user' ? await pseudonymOf(transaction, target.id) : target.id
  // Takes the row's lock: entries are appended one after the other, on every node.
  const head = await transaction
    .updateTable('audit_head')
    .set((update) => ({ sequence: update('sequence', '+', 1) }))
    .returning(['sequence', 'hash'])
    .executeTakeFirstOrThrow()
  const entry = {
    ...{ sequence: head.sequence, id: newId('audit', { now: () => at, elapsed: () => at }), at, action },
    ...{ actor_kind: actor.kind, actor: actor.id, actor_person: person, actor_account: actor.serviceAccount ?? null },
    ...{ workspace: act.workspace ?? null, target_kind: target.kind, target: targetId },
    ...{ details: JSON.stringify(act.details ?? {}), previous: head.hash },
  }
  const hash = hashEntry(entry)
  await transaction
    .insertInto('audit_log')
    .values({ ...entry, hash })
    .execute()
  await transaction.updateTable('audit_head').set({ hash }).execute()
  if (actor.address === undefined) return
  const origin = { sequence: head.sequence, pseudonym: person, address: actor.address }
  await transaction.insertInto('audit_origins').values(origin).execute()
}

/** The pseudonym that stands for a person in the log; made at the first act. */
async function pseudonymOf(transaction: Kysely<Tables>, user: string): Promise<string> {
  const fresh = { pseudonym: `person_${hexId()}`, user_id: user }
  await transaction
    .insertInto('audit_people')
    .values(fresh)
    .onConflict((conflict) => conflict.column('user_id').doNothing())
    .execute()
  const known = transaction.selectFrom('audit_people').select('pseudonym').where('user_id', '=', user)
  return (await known.executeTakeFirstOrThrow()).pseudonym
}

/**
 * Forgets who a person's pseudonym stands for and where they came from; returns the pseudonym. No entry changes, and no later act of
 * anybody gets this pseudonym.
 */
export async function forgetPerson(transaction: Kysely<Tables>, user: string): Promise<string> {
  const pseudonym = await pseudonymOf(transaction, user)
  await transaction.deleteFrom('audit_people').where('user_id', '=', user).execute()
  await transaction.deleteFrom('audit_origins').where('pseudonym', '=', pseudonym).execute()
  // Attempts to sign in as them: nobody acted yet, and where from is known all the same.
  const attempts = transaction.selectFrom('audit_log').select('sequence').where('target', '=', pseudonym)
  await transaction
    .deleteFrom('audit_origins')
    .where('pseudonym', 'is', null)
    .where('sequence', 'in', attempts.where('actor_kind', '=', 'system'))
    .execute()
  return pseudonym
}
