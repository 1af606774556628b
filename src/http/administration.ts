// Everything an organisation is administered by: keys, workspaces, people, service accounts, the audit log, and who am I. Knows no table.
import type { Acts } from '../features/audit/acts.ts'
import type { Actor } from '../features/audit/record.ts'
import { registerAudit } from '../features/audit/routes.ts'
import { registerAdminKeys } from '../features/keys/mistral-routes.ts'
import { registerOpenaiKeys } from '../features/keys/openai-routes.ts'
import { registerKeys } from '../features/keys/routes.ts'
import type { MailInvite } from '../features/members/invite-mail.ts'
import { registerInvites } from '../features/members/invite-routes.ts'
import { registerAdminUsers } from '../features/members/mistral-routes.ts'
import { registerOpenaiMembers } from '../features/members/openai-routes.ts'
import type { OwnFigures } from '../features/organisation/figures.ts'
import { registerWhoami } from '../features/organisation/routes.ts'
import { type Forgetting, forgetPerson } from '../features/people/forget.ts'
import { registerPeople } from '../features/people/routes.ts'
import { registerServiceAccounts } from '../features/service-accounts/openai-routes.ts'
import { createAttempts } from '../features/sessions/attempts.ts'
import type { HostCheck } from '../features/sessions/hosts.ts'
import { type OidcRoutes, oidcStart, registerOidc } from '../features/sessions/oidc-routes.ts'
import { registerSessions } from '../features/sessions/routes.ts'
import { registerAdminWorkspaces } from '../features/workspaces/mistral-routes.ts'
import { registerProjects } from '../features/workspaces/openai-routes.ts'
import type { Server } from '../wire/exchange.ts'
import type { Keys } from './authenticate.ts'

/** What the routes are made of. */
interface Administration {
  readonly acts: Acts
  /** What the deletion of a person's data reaches besides the tables. */
  readonly forgetting: Omit<Forgetting, 'acts'>
  /** What limits and usage tell a key's holder; nothing where they are not there. */
  readonly figures?: OwnFigures
  readonly checkHost: HostCheck
  readonly keys: Keys
  /** Mails invitations; absent: whoever invites hands them on. */
  readonly mailInvite?: MailInvite
  readonly oidc?: Omit<OidcRoutes, 'acts' | 'checkHost' | 'attempts'>
}

const noFigures: OwnFigures = { limits: async () => ({}), spend: async () => ({}), lastErrors: async () => [] }

/** Adds the routes of both vendors and our own. */
export function registerAdministration(server: Server, parts: Administration): void {
  const { acts, figures = noFigures, checkHost, keys, oidc, mailInvite: mail } = parts
  // One count for all doors.
  const attempts = createAttempts(acts.database)
  const forgetting = { ...parts.forgetting, acts }
  const members = { acts, forget: (actor: Actor, id: string) => forgetPerson(forgetting, actor, id) }
  registerKeys(server, { acts })
  registerAudit(server, acts)
  registerAdminKeys(server, { acts })
  registerOpenaiKeys(server, { acts })
  registerProjects(server, { acts })
  registerAdminWorkspaces(server, { acts })
  registerOpenaiMembers(server, members)
  registerAdminUsers(server, { ...members, ...(mail !== undefined && { mail }) })
  registerPeople(server, forgetting)
  registerInvites(server, { acts, ...(mail !== undefined && { mail }) })
  registerServiceAccounts(server, { acts })
  registerSessions(server, {
    ...{ acts, checkHost, attempts, verifyKey: (secret) => keys.verify(secret) },
    ...(oidc !== undefined && { oidc: { start: oidcStart, issuer: oidc.oidc.issuer } }),
  })
  if (oidc !== undefined) registerOidc(server, { ...oidc, acts, checkHost, attempts })
  registerWhoami(server, { database: acts.database, figures })
}
