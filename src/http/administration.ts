// Everything an organisation is administered by: keys, workspaces, people, service accounts, the audit log, and who am I. Knows no table.
import type { Acts } from '../features/audit/acts.ts'
import { registerAudit } from '../features/audit/routes.ts'
import { registerAdminKeys } from '../features/keys/mistral-routes.ts'
import { registerOpenaiKeys } from '../features/keys/openai-routes.ts'
import { registerKeys } from '../features/keys/routes.ts'
import { registerInvites } from '../features/members/invite-routes.ts'
import { registerAdminUsers } from '../features/members/mistral-routes.ts'
import { registerOpenaiMembers } from '../features/members/openai-routes.ts'
import type { OwnFigures } from '../features/organisation/figures.ts'
import { registerWhoami } from '../features/organisation/routes.ts'
import { registerServiceAccounts } from '../features/service-accounts/openai-routes.ts'
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
  /** What limits and usage tell a key's holder; nothing where they are not there. */
  readonly figures?: OwnFigures
  readonly checkHost: HostCheck
  readonly keys: Keys
  readonly oidc?: Omit<OidcRoutes, 'acts' | 'checkHost'>
}

const noFigures: OwnFigures = { limits: async () => ({}), spend: async () => ({}), lastErrors: async () => [] }

/** Adds the routes of both vendors and our own. */
export function registerAdministration(server: Server, parts: Administration): void {
  const { acts, figures = noFigures, checkHost, keys, oidc } = parts
  registerKeys(server, { acts })
  registerAudit(server, acts)
  registerAdminKeys(server, { acts })
  registerOpenaiKeys(server, { acts })
  registerProjects(server, { acts })
  registerAdminWorkspaces(server, { acts })
  registerOpenaiMembers(server, { acts })
  registerAdminUsers(server, { acts })
  registerInvites(server, { acts })
  registerServiceAccounts(server, { acts })
  registerSessions(server, {
    ...{ acts, checkHost, verifyKey: (secret) => keys.verify(secret) },
    ...(oidc !== undefined && { oidc: { start: oidcStart, issuer: oidc.oidc.issuer } }),
  })
  if (oidc !== undefined) registerOidc(server, { ...oidc, acts, checkHost })
  registerWhoami(server, { database: acts.database, figures })
}
