// Deletes one person's data: what was theirs alone goes, what they did for a workspace stays and names nobody. Knows no route.
import type { Kysely } from 'kysely'
import type { Row, Tables } from '../../database/tables.ts'
import type { Acts } from '../audit/acts.ts'
import { type Actor, forgetPerson as forgetPseudonym } from '../audit/record.ts'
import type { Files } from '../files/files.ts'
import { type ForgottenCalls, forgetCalls } from './forget-calls.ts'
import { type ForgottenFiles, forgetFiles, type SharedFiles } from './forget-files.ts'
import { forgetMentions, patternOf } from './forget-mentions.ts'

/** What forgetting works with. */
export interface Forgetting {
  readonly acts: Acts
  /** Finds what is to go, beside the server's own queries. */
  readonly search: Kysely<Tables>
  /** Resolves when the usage and the traces of calls that have ended are written. */
  settled(): Promise<void>
  readonly files?: Pick<Files, 'drop' | 'read'>
}

/** What became of a person's data. */
export interface Forgotten extends ForgottenCalls, ForgottenFiles {
  /** Prompts that only they could see. */
  readonly prompts: number
  /** Rows that mentioned them elsewhere, as an author for instance. */
  readonly mentions: number
}

/**
 * Forgets a person: by the id or the e-mail address of somebody who is here, else by the id that clients gave their end user. May run
 * again: after a crash half-way, or where a call ended meanwhile. The audit log keeps acts under a pseudonym that leads to nobody.
 */
export async function forgetPerson(
  parts: Forgetting,
  actor: Actor,
  name: string,
  shared: SharedFiles = 'keep',
): Promise<Forgotten> {
  const { acts, search } = parts
  const person = await findPerson(acts.database.query, name)
  // Who removes themselves acts as nobody: the entries must not lead back.
  const remover = actor.user !== undefined && actor.user === person?.id ? { kind: actor.kind, id: actor.id } : actor
  if (person !== undefined) await shutOut(acts, remover, person)
  await parts.settled()
  const names = person === undefined ? [name] : [person.id, person.email]
  const keys = person === undefined ? [] : await keysOf(acts.database.query, person.id)
  const calls = await forgetCalls({ database: acts.database, search }, { names, keys })
  if (person === undefined) {
    await acts.run(remover, async (_, note) => {
      // The id of an end user is the person's own data, so the log does not keep it.
      note({ action: 'person.forgotten', target: { kind: 'person', id: 'end-user' }, details: { ...calls } })
    })
    const mentions = isUnique(name) ? await forgetMentions({ database: acts.database, search }, names) : 0
    return { ...calls, files: 0, sharedFiles: [], prompts: 0, mentions }
  }
  const pattern = await patternOf(acts.database.query, names)
  const found = { query: acts.database.query, files: parts.files, owner: person.id, pattern, shared }
  const { files, sharedFiles } = await forgetFiles(found)
  const prompts = await acts.run(remover, async (transaction, note) => {
    const gone = await removeRows(transaction, person)
    const target = { kind: 'person', id: await forgetPseudonym(transaction, person.id) }
    note({ action: 'user.deleted', target, details: { ...calls, files, prompts: gone } })
    return gone
  })
  const mentions = await forgetMentions({ database: acts.database, search }, names)
  return { ...calls, files, sharedFiles, prompts, mentions }
}

/** Ids and addresses mean nobody else, also after the person is gone; an end user may be called 42, as many other things are. */
const isUnique = (name: string) => /^user_\w{20,}$/.test(name) || /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(name)

type Person = Pick<Row<'users'>, 'id' | 'email'>

async function findPerson(query: Kysely<Tables>, name: string): Promise<Person | undefined> {
  return await query
    .selectFrom('users')
    .select(['id', 'email'])
    .where(({ or, eb }) => or([eb('id', '=', name), eb('email', '=', name.toLowerCase())]))
    .executeTakeFirst()
}

async function keysOf(query: Kysely<Tables>, user: string): Promise<readonly string[]> {
  return (await query.selectFrom('keys').select('id').where('user_id', '=', user).execute()).map(({ id }) => id)
}

/** From here on nothing new of theirs begins: keys and sessions end, on every node. */
async function shutOut({ run, clock }: Acts, actor: Actor, { id }: Person): Promise<void> {
  await run(actor, async (transaction, note) => {
    const now = clock.now()
    const keys = transaction.updateTable('keys').where('user_id', '=', id)
    await keys.set({ revoked_at: now }).where('revoked_at', 'is', null).execute()
    await transaction.updateTable('users').set({ disabled_at: now }).where('id', '=', id).execute()
    await transaction.deleteFrom('sessions').where('user_id', '=', id).execute()
    await transaction.deleteFrom('members').where('user_id', '=', id).execute()
    note({ action: 'user.updated', target: { kind: 'user', id }, details: { disabled: true } })
  })
}

/** The person's own rows; how many prompts were theirs alone. */
async function removeRows(transaction: Kysely<Tables>, { id, email }: Person): Promise<number> {
  // Revoked before. Usage goes on to name the key, and the key nobody.
  const nobody = { name: 'removed', user_id: null, ip_ranges: null }
  await transaction.updateTable('keys').set(nobody).where('user_id', '=', id).execute()
  await transaction.deleteFrom('invites').where('email', '=', email).execute()
  // What they said in it, for whoever has the link.
  await transaction.deleteFrom('shares').where('owner', '=', id).execute()
  const own = transaction.selectFrom('prompts').select('id').where('owner', '=', id).where('sharing', '=', 'private')
  await transaction.deleteFrom('prompt_aliases').where('prompt', 'in', own).execute()
  await transaction.deleteFrom('prompt_versions').where('prompt', 'in', own).execute()
  const prompts = await transaction
    .deleteFrom('prompts')
    .where('owner', '=', id)
    .where('sharing', '=', 'private')
    .executeTakeFirst()
  await removeAddress(transaction, email)
  await transaction.deleteFrom('users').where('id', '=', id).execute()
  return Number(prompts.numDeletedRows)
}

/** Alerts are mailed to them no more. */
async function removeAddress(transaction: Kysely<Tables>, email: string): Promise<void> {
  const budgets = await transaction
    .selectFrom('budgets')
    .select(['id', 'emails'])
    .where('emails', 'is not', null)
    .execute()
  for (const { id, emails } of budgets) {
    const all = JSON.parse(emails ?? '[]') as readonly string[]
    const others = all.filter((address) => address.toLowerCase() !== email)
    if (others.length === all.length) continue
    await transaction
      .updateTable('budgets')
      .set({ emails: JSON.stringify(others) })
      .where('id', '=', id)
      .execute()
  }
}
