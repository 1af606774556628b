// Who may call what: every route the server has, with every role, in one's own workspace, in another's and in the organisation.
//
// The table below is written by hand, apart from the one the server uses. A new route is here by itself; a new permission fails until
// somebody has decided, and written, who has it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CompleteServer, openCompleteServer } from '../scripts/reference/complete-server.ts'
import { systemClock } from '../src/base/clock.ts'
import { createActs } from '../src/features/audit/acts.ts'
import { createKey, type NewKey } from '../src/features/keys/create.ts'
import { addPerson } from '../src/features/members/change.ts'
import { createInvite } from '../src/features/members/invite.ts'
import { createServiceAccount } from '../src/features/service-accounts/accounts.ts'
import { createWorkspace } from '../src/features/workspaces/change.ts'
import type { Permission, Role } from '../src/wire/permissions.ts'

const everybody = 'owner admin billing member viewer'

/** In a workspace and in the organisation. */
const inWorkspace: Partial<Record<Permission, string>> = {
  'self.read': everybody,
  'models.read': everybody,
  'server.read': everybody,
  'workspaces.read': everybody,
  'members.read': everybody,
  'limits.read': everybody,
  'usage.read': everybody,
  'models.use': 'owner admin member',
  'keys.own': 'owner admin member',
  'keys.read': 'owner admin',
  'keys.write': 'owner admin',
  'files.read': 'owner admin member',
  'files.write': 'owner admin member',
  'batches.read': 'owner admin member',
  'batches.write': 'owner admin member',
  'traces.read': 'owner admin member viewer',
  'traces.write': 'owner admin member',
  'prompts.read': 'owner admin member viewer',
  'prompts.write': 'owner admin member',
  'shares.read': 'owner admin member viewer',
  'shares.write': 'owner admin member',
  'workspaces.write': 'owner admin',
  'members.write': 'owner admin',
  'limits.write': 'owner admin',
  'budgets.write': 'owner admin billing',
}

/** In the organisation alone: a role in a workspace never gives them. */
const inOrganisation: Partial<Record<Permission, string>> = {
  'workspaces.create': 'owner admin',
  'users.read': 'owner admin',
  'users.write': 'owner admin',
  'audit.read': 'owner admin',
  'prices.write': 'owner admin billing',
  'server.write': 'owner admin',
  'owners.write': 'owner',
  'spending.read': 'owner admin billing',
  'spending.write': 'owner admin billing',
}

/** Routes that anybody may call. Each is a decision. */
const open = [
  ...['GET /healthz', 'GET /readyz', 'GET /readyz/{id}', 'GET /galerne/v1/files/{id}/content'],
  ...[
    'GET /galerne/v1/sign-in',
    'POST /galerne/v1/session',
    'POST /galerne/v1/session/key',
    'GET /galerne/v1/oidc/start',
    'GET /galerne/v1/oidc/callback',
  ],
  ...['POST /galerne/v1/invitations/open', 'POST /galerne/v1/invitations/accept'],
]

interface Operation {
  readonly method: string
  readonly path: string
  readonly permission: Permission | undefined
}

interface Somebody {
  readonly role: Role
  readonly reach: 'workspace' | 'organisation'
  readonly secret: string
}

let complete: CompleteServer
let operations: Operation[] = []
const callers: Somebody[] = []
/** What lies in the other workspace, by the parameter that names it. */
let foreign: Record<string, string> = {}
let [blue, red] = ['', '']

before(async () => {
  complete = await openCompleteServer()
  const { paths } = complete.server.swagger() as unknown as {
    paths: Record<string, Record<string, { 'x-permission'?: Permission; security?: unknown[] }>>
  }
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...{ method: method.toUpperCase(), path, permission: operation['x-permission'] },
    })),
  )
  const acts = createActs(complete.database, systemClock)
  const actor = { kind: 'system', id: 'test' } as const
  const make = async (wanted: Partial<NewKey>) => createKey(acts, actor, { name: 'k', role: 'member', ...wanted })
  blue = (await createWorkspace(acts, actor, { name: 'Blue' })).id
  red = (await createWorkspace(acts, actor, { name: 'Red secret name' })).id
  const key = await make({ workspace: red, name: 'Red secret name' })
  const person = await addPerson(acts, actor, { email: 'red@example.org', name: 'Red secret name', role: 'member' })
  const { invite } = await createInvite(acts, actor, { email: 'red2@example.org', role: 'member', workspaces: [] })
  const account = await createServiceAccount(acts, actor, { workspace: red, name: 'Red secret name', role: 'member' })
  foreign = {
    workspace: red,
    key_id: key.key.id,
    user_id: person.id,
    invite_id: invite.id,
    service_account_id: account.id,
  }
  for (const role of ['admin', 'billing', 'member', 'viewer'] as const) {
    callers.push({ role, reach: 'workspace', secret: (await make({ role, workspace: blue })).secret })
  }
  for (const role of ['owner', 'admin', 'billing', 'member', 'viewer'] as const) {
    callers.push({ role, reach: 'organisation', secret: (await make({ role, reach: 'organisation' })).secret })
  }
})
after(() => complete.close())

/** Calls without a body: who may not come in is refused before one is read, and who may is told that it is missing. */
async function call(secret: string | undefined, { method, path }: Operation, parameters: (name: string) => string) {
  const url = path.replace(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(parameters(name)))
  const headers = secret === undefined ? {} : { authorization: `Bearer ${secret}` }
  const answer = await complete.server.inject({
    method: method as 'GET',
    url,
    headers: { host: 'localhost', ...headers },
  })
  const code: unknown = /^application\/json\b/.test(String(answer.headers['content-type']))
    ? answer.json()?.error?.code
    : undefined
  return { status: answer.statusCode, code, text: answer.body }
}

const isRefused = (code: unknown) => code === 'forbidden' || code === 'invalid_api_key'
const named = (operation: Operation) => `${operation.method} ${operation.path}`

test('there are routes, each open by decision or with a permission that somebody was given', () => {
  assert.ok(operations.length > 80, String(operations.length))
  const without = operations.filter(({ permission }) => permission === undefined).map(named)
  assert.deepEqual(without.sort(), [...open].sort())
  const known = new Set([...Object.keys(inWorkspace), ...Object.keys(inOrganisation)])
  const unknown = operations.filter(({ permission }) => permission !== undefined && !known.has(permission))
  assert.deepEqual(
    unknown.map((operation) => `${named(operation)}: ${operation.permission}`),
    [],
  )
})

test('without a key nothing but the open routes answers', async () => {
  for (const operation of operations) {
    const { code } = await call(undefined, operation, () => 'none')
    assert.equal(code === 'invalid_api_key', operation.permission !== undefined, named(operation))
  }
})

test('every role gets what the table says, in its own workspace and in the organisation', async () => {
  for (const operation of operations) {
    const { permission } = operation
    if (permission === undefined) continue
    for (const { role, reach, secret } of callers) {
      const allowed: boolean =
        (inWorkspace[permission]?.split(' ').includes(role) ?? false) ||
        (reach === 'organisation' && (inOrganisation[permission]?.split(' ').includes(role) ?? false))
      // Those of the organisation come in everywhere: a workspace that is not there keeps what is.
      const workspace = reach === 'organisation' ? 'none' : blue
      const { code, status } = await call(secret, operation, (name) => (name === 'workspace' ? workspace : 'none'))
      const said = `${role} (${reach}) at ${named(operation)}: ${status} ${String(code)}`
      assert.equal(isRefused(code), !allowed, said)
      assert.ok(status < 500 || allowed, said)
      assert.notEqual(code, 'internal_error', said)
    }
  }
})

test('another workspace is not there, whatever one’s role at home', async () => {
  const into = operations.filter(({ path }) => path.includes('{workspace}'))
  assert.ok(into.length > 15)
  for (const operation of into) {
    for (const { role, reach, secret } of callers) {
      if (reach === 'organisation') continue
      const { status, code, text } = await call(secret, operation, (name) => foreign[name] ?? 'none')
      assert.deepEqual([status, code], [404, 'not_found'], `${role} at ${named(operation)}`)
      assert.ok(!text.includes('secret name'), text)
    }
  }
})

test('things of another workspace are not there under one’s own either, nor where no workspace is named', async () => {
  const things = operations.filter(({ path }) =>
    /\{(key_id|service_account_id|user_id|invite_id)\}|\/keys\/\{id\}/.test(path),
  )
  assert.ok(things.length > 15)
  const pick = (operation: Operation) => (name: string) => {
    if (name === 'workspace') return blue
    return (operation.path.includes('/keys/{id}') ? foreign['key_id'] : foreign[name]) ?? 'none'
  }
  for (const operation of things) {
    for (const { role, reach, secret } of callers) {
      if (reach === 'organisation') continue
      const { status, text } = await call(secret, operation, pick(operation))
      // 400: it never looked, for the body was missing.
      assert.ok([400, 403, 404].includes(status), `${role} at ${named(operation)}: ${status} ${text}`)
      assert.ok(!text.includes('secret name'), text)
    }
  }
})
