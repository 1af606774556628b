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
import { usageRow, writeRows } from './support/usage-rows.ts'

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
/** A member's key in the other workspace, and what they made there: where a path begins, and the id that stands for its parameter. */
let member = ''
let things: readonly (readonly [path: string, id: string])[] = []

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
  member = (await make({ workspace: red })).secret
  const { secret: owner } = await make({ role: 'owner', reach: 'organisation' })
  things = await makeThings(member, owner)
  for (const role of ['admin', 'billing', 'member', 'viewer'] as const) {
    callers.push({ role, reach: 'workspace', secret: (await make({ role, workspace: blue })).secret })
  }
  for (const role of ['owner', 'admin', 'billing', 'member', 'viewer'] as const) {
    callers.push({ role, reach: 'organisation', secret: (await make({ role, reach: 'organisation' })).secret })
  }
})
after(() => complete.close())

/** One of everything that a workspace has, each with a name that must not be seen elsewhere. */
async function makeThings(key: string, owner: string) {
  const send = async (secret: string, url: string, payload: object | string, type = 'application/json') => {
    const headers = { host: 'localhost', authorization: `Bearer ${secret}`, 'content-type': type }
    const answer = await complete.server.inject({ method: 'POST', url, headers, payload })
    assert.equal(answer.statusCode, 200, `${url}: ${answer.body}`)
    return answer.json()
  }
  const line = JSON.stringify({
    custom_id: 'a',
    method: 'POST',
    url: '/v1/embeddings',
    body: { model: 'none', input: 'a' },
  })
  const part = (name: string, rest: string, value: string) =>
    `--line\r\ncontent-disposition: form-data; name="${name}"${rest}\r\n\r\n${value}\r\n`
  const form = `${part('purpose', '', 'batch')}${part('file', '; filename="Red secret name.jsonl"', line)}--line--\r\n`
  const file = await send(key, '/v1/files', form, 'multipart/form-data; boundary=line')
  const upload = { filename: 'Red secret name', purpose: 'batch', bytes: 10, mime_type: 'text/plain' }
  const batch = { input_file_id: file.id, endpoint: '/v1/embeddings', completion_window: '24h' }
  const prompt = { name: 'red-prompt', title: 'Red secret name', definition: { content: 'Hello' } }
  const share = { title: 'Red secret name', content: {} }
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const time = `${systemClock.now()}000000`
  const span = {
    traceId,
    spanId: 'b7ad6b7169203331',
    name: 'Red secret name',
    startTimeUnixNano: time,
    endTimeUnixNano: time,
  }
  await send(key, '/v1/traces', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })
  await writeRows(complete.database, [usageRow({ id: 'call_red', workspace: red, endUser: 'Red secret name' })])
  const budget = await send(owner, '/galerne/v1/budgets', { scope: 'workspace', subject: red, amount: 5 })
  const made = {
    upload: await send(key, '/v1/uploads', upload),
    batch: await send(key, '/v1/batches', { ...batch, metadata: { by: 'Red secret name' } }),
  }
  return [
    ['/v1/files/', file.id],
    ['/v1/uploads/', made.upload.id],
    ['/v1/batches/', made.batch.id],
    ['/v1/batch/jobs/', made.batch.id],
    ['/v2/prompts/', (await send(key, '/v2/prompts', prompt)).id],
    ['/galerne/v1/traces/', traceId],
    ['/v1/observability/traces/{trace_id}', traceId],
    ['/galerne/v1/shares/', (await send(key, '/galerne/v1/shares', share)).id],
    ['/galerne/v1/usage/calls/', 'call_red'],
    ['/galerne/v1/budgets/', budget.id],
  ] as const
}

/** Paths with a parameter that names nothing of a workspace. */
const elsewhere = [
  ...['/v1/models/', '/galerne/v1/models/', '/galerne/v1/aliases/', '/galerne/v1/prices/', '/galerne/v1/people/'],
  ...[
    '/v1/observability/traces/fields/',
    '/v1/observability/spans/fields/',
    '/v1/organization/spend_alerts/',
    '/readyz/',
  ],
  // Their signature says who may.
  '/galerne/v1/files/',
]

/** What the other workspace has under this path. */
const thingAt = (path: string) => things.find(([beginning]) => path.startsWith(beginning))?.[1]

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

test('every path that names something is known: it belongs to a workspace and is tried below, or it does not', () => {
  const tried = /\{(workspace|key_id|service_account_id|user_id|invite_id)\}|\/keys\/\{id\}/
  const unknown = operations.filter(
    ({ path }) =>
      path.includes('{') &&
      !tried.test(path) &&
      thingAt(path) === undefined &&
      !elsewhere.some((beginning) => path.startsWith(beginning)),
  )
  assert.deepEqual(unknown.map(named), [])
})

test('files, batches, prompts, traces, calls and budgets of another workspace are not there, and who is there has them', async () => {
  const into = operations.filter(({ path }) => path.includes('{') && thingAt(path) !== undefined)
  assert.ok(into.length > 25, String(into.length))
  const pick = (operation: Operation) => (name: string) =>
    name === 'span_id' ? 'b7ad6b7169203331' : name === 'version' ? '1' : (thingAt(operation.path) ?? 'none')
  for (const operation of into) {
    for (const { role, reach, secret } of callers) {
      // Files and what else is worked with belong to one workspace; who reads everywhere reads calls, budgets and shares.
      if (reach === 'organisation' && /\/(usage|budgets|shares)\//.test(operation.path)) continue
      const { status, text } = await call(secret, operation, pick(operation))
      // 400 and 415: it never looked, for the body was missing.
      assert.ok([400, 403, 404, 415].includes(status), `${role} at ${named(operation)}: ${status} ${text}`)
      assert.ok(!text.includes('secret name'), `${role} at ${named(operation)}: ${text}`)
    }
  }
  // Nothing of it is gone, and its own people see it.
  for (const operation of into.filter(({ method }) => method === 'GET')) {
    const { status, text } = await call(member, operation, pick(operation))
    assert.equal(status, 200, `${named(operation)}: ${text}`)
  }
})

test('who sees what a call cost and reads no traces does not see what was said', async () => {
  const acts = createActs(complete.database, systemClock)
  const words = JSON.stringify({ messages: [{ role: 'user', content: 'what was said' }] })
  const content = { id: 'call_red', workspace: red, at: systemClock.now(), input: words, output: null }
  await complete.database.query.insertInto('usage_contents').values(content).execute()
  for (const role of ['admin', 'member', 'viewer', 'billing'] as const) {
    for (const reach of ['workspace', 'organisation'] as const) {
      const { secret } = await createKey(
        acts,
        { kind: 'system', id: 'test' },
        { name: 'k', role, reach, workspace: red },
      )
      const calls = { method: 'GET', path: '/galerne/v1/usage/calls/call_red', permission: 'usage.read' } as const
      const { status, text } = await call(secret, calls, () => '')
      assert.equal(status, 200, text)
      assert.equal(text.includes('what was said'), role !== 'billing', `${role} (${reach}): ${text}`)
    }
  }
})

test('the address of a budget’s webhook is for who may set it; others see where it leads', async () => {
  const acts = createActs(complete.database, systemClock)
  const webhook = 'https://hooks.example.org/services/secret-of-the-hook'
  const more = { period: 'month', time_zone: 'UTC', amount: 1, hard: 0, thresholds: '[50]', emails: '[]' } as const
  const row = { id: 'budget_hook', scope: 'workspace', subject: red, webhook, ...more } as const
  await complete.database.query
    .insertInto('budgets')
    .values({ ...row, created_at: 1, updated_at: 1 })
    .execute()
  const list = { method: 'GET', path: '/galerne/v1/budgets', permission: 'limits.read' } as const
  for (const role of ['admin', 'billing', 'member', 'viewer'] as const) {
    const wanted = { name: 'k', role, workspace: red }
    const { secret } = await createKey(acts, { kind: 'system', id: 'test' }, wanted)
    const { status, text } = await call(secret, list, () => '')
    assert.equal(status, 200, text)
    assert.ok(text.includes('https://hooks.example.org/'), text)
    assert.equal(text.includes('secret-of-the-hook'), role === 'admin' || role === 'billing', `${role}: ${text}`)
  }
})
