// The filters of the audit log as they stand in the address, and the request they make. Pure.

/** The filters: an act, an e-mail address, and days. */
export interface Filters {
  readonly act?: string
  readonly email?: string
  /** `2026-11-26`; both days are part of it. */
  readonly from?: string
  readonly to?: string
}

/** Acts to choose from; any other may be typed. */
export const actsOf = [
  ...['api_key.created', 'api_key.updated', 'api_key.deleted', 'service_account.created', 'service_account.deleted'],
  ...['user.added', 'user.updated', 'user.deleted', 'invite.sent', 'invite.accepted', 'invite.deleted'],
  ...['role.assignment.created', 'role.assignment.deleted', 'project.created', 'project.updated', 'project.archived'],
  ...['rate_limit.updated', 'rate_limit.deleted', 'tier.updated', 'tier.assigned'],
  ...['login.succeeded', 'login.failed', 'model.loaded', 'model.unloaded', 'model.removed', 'model.pinned'],
]

const day = 86_400
const dayOf = (date: string | undefined) => (date === undefined ? Number.NaN : Date.parse(date) / 1_000)

/** The path of the list. */
export function pathOf({ act, email, from, to }: Filters): string {
  const query = new URLSearchParams({ limit: '50' })
  if (act !== undefined) query.set('event_types', act)
  if (email !== undefined) query.set('actor_emails', email)
  if (Number.isFinite(dayOf(from))) query.set('effective_at[gte]', String(dayOf(from)))
  if (Number.isFinite(dayOf(to))) query.set('effective_at[lt]', String(dayOf(to) + day))
  return `/v1/organization/audit_logs?${query}`
}
