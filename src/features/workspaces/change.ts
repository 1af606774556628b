// Makes, renames and archives workspaces, each with its entry in the audit log. Knows no route.

import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Acts } from '../audit/acts.ts'
import type { Actor } from '../audit/record.ts'
import { listWorkspaces, type Workspace, workspaceById } from './store.ts'

/** What people call a workspace. */
export interface WorkspaceText {
  readonly name?: string
  readonly description?: string | null
}

/** Makes a workspace; `admin` becomes its first administrator, who must be somebody who is not disabled. */
export async function createWorkspace(
  acts: Acts,
  actor: Actor,
  wanted: WorkspaceText & { readonly name: string; readonly admin?: string },
): Promise<Workspace> {
  const id = newId('workspace', acts.clock)
  const created_at = acts.clock.now()
  return await acts.run(actor, async (transaction, note) => {
    const row = { id, name: wanted.name, description: wanted.description ?? null, settings: '{}', created_at }
    await transaction
      .insertInto('workspaces')
      .values({ ...row, archived_at: null })
      .execute()
    const target = { kind: 'workspace', id }
    note({ action: 'project.created', workspace: id, target, details: { name: wanted.name } })
    const { admin } = wanted
    if (admin !== undefined) {
      const known = await transaction
        .selectFrom('users')
        .select('id')
        .where('id', '=', admin)
        .where('disabled_at', 'is', null)
        .executeTakeFirst()
      if (known === undefined)
        throw fail('not_found', { what: 'user', id: admin.slice(0, 100), param: 'admin_user_id' })
      await transaction
        .insertInto('members')
        .values({ workspace: id, user_id: admin, role: 'admin', created_at })
        .execute()
      const details = { workspace: id, role: 'admin' }
      note({ action: 'role.assignment.created', workspace: id, target: { kind: 'user', id: admin }, details })
    }
    return await workspaceById(transaction, id)
  })
}

/** Changes what people call it. Throws `not_found`. */
export async function renameWorkspace(acts: Acts, actor: Actor, id: string, text: WorkspaceText): Promise<Workspace> {
  return await acts.run(actor, async (transaction, note) => {
    const before = await workspaceById(transaction, id)
    const changes = {
      ...(text.name !== undefined && text.name !== before.name && { name: text.name }),
      ...(text.description !== undefined &&
        text.description !== before.description && { description: text.description }),
    }
    if (Object.keys(changes).length === 0) return before
    await transaction.updateTable('workspaces').set(changes).where('id', '=', id).execute()
    note({ action: 'project.updated', workspace: id, target: { kind: 'workspace', id }, details: changes })
    return { ...before, ...changes }
  })
}

/** Archives it: nobody gets in any more, and what it holds stays. Throws `invalid_value` for the last one. A second time changes nothing. */
export async function archiveWorkspace(acts: Acts, actor: Actor, id: string): Promise<Workspace> {
  return await acts.run(actor, async (transaction, note) => {
    const before = await workspaceById(transaction, id)
    if (before.archivedAt !== null) return before
    // The organisation's keys are the workspace's that is there from the start.
    if (id === 'default' || (await listWorkspaces(transaction)).length === 1) {
      throw fail('invalid_value', { param: 'workspace', reason: 'the first workspace cannot be archived' })
    }
    const archivedAt = acts.clock.now()
    await transaction.updateTable('workspaces').set({ archived_at: archivedAt }).where('id', '=', id).execute()
    note({ action: 'project.archived', workspace: id, target: { kind: 'workspace', id } })
    return { ...before, archivedAt }
  })
}
