// Fills a server with what strangers call things: names that would be script if somebody let them, words of any length, figures of any size.
import assert from 'node:assert/strict'
import { hexId } from '../../src/base/ids.ts'
import type { OpenConsole } from './console-page.ts'

/** A place that nothing may be asked of. */
export const foreignOrigin = 'http://foreign.example'

const html = '<img src=x onerror="document.title=`taken`"><script>document.title="taken"</script>'
const endless = 'Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle'.repeat(2)

/** Right-to-left marks, a terminal's colours, HTML, a link that is script, a picture of elsewhere, and a word without an end. */
export const hostileName = `\u202eevil\u202c \u001b[31mred\u001b[0m ${html}`
/** A name without an end, as far as names may be long. */
export const longName = `${endless}${endless}`.slice(0, 190)

/** The same as Markdown. */
export const hostileMarkdown = [
  html,
  `![picture](${foreignOrigin}/picture.png) <img src="${foreignOrigin}/raw.png">`,
  '[a link](javascript:document.title=`taken`) <javascript:document.title=`taken`> [data](data:text/html,<script>1</script>)',
  `<iframe src="${foreignOrigin}/frame"></iframe><svg onload="document.title='taken'"><style>@import url(${foreignOrigin}/style)</style>`,
  `| ${endless} | b |\n| --- | --- |\n| ${endless} | ${hostileName} |`,
  `\`\`\`html\n${html}${endless}\n\`\`\``,
  `# ${endless}\n\n> ${hostileName}\n\n- [ ] ${endless}`,
  `[ref]: ${foreignOrigin}/ref "title"`,
].join('\n\n')

/** What can be opened of it. */
export interface Contents {
  readonly promptId: string
  readonly traceId: string
  readonly otherTraceId: string
  readonly shareId: string
}

/** Puts it in. The model is the only one that is served. */
export async function fillConsole({ call, product }: Pick<OpenConsole, 'call' | 'product'>): Promise<Contents> {
  const [model] = ((await call('GET', '/v1/models')) as { data: { id: string }[] }).data
  assert.ok(model)
  await call('PUT', '/galerne/v1/workspaces/default/usage-settings', { keep_content: true })
  await call('POST', '/galerne/v1/prices', { model: model.id, input: 900_000, output: 900_000, source: 'a test' })
  const chat = {
    model: model.id,
    max_tokens: 4,
    user: hostileName,
    messages: [{ role: 'user', content: hostileMarkdown }],
  }
  await call('POST', '/v1/chat/completions', { ...chat, metadata: { tags: `red,${longName}`, session_id: longName } })
  await fillPeople(call)
  const keys = []
  for (const name of [hostileName, longName]) {
    keys.push(await call('POST', '/galerne/v1/keys', { name, role: 'member', models: [model.id, longName] }))
  }
  await fillMoney(
    call,
    keys.map((key) => String(key['id'])),
    model.id,
  )
  for (const name of ['canary', `a-name-that-says-it-all/${'very-long-'.repeat(16)}`]) {
    const canary = { target: model.id, percent: 12.5 }
    await call('PUT', `/galerne/v1/aliases/${encodeURIComponent(name)}`, { target: model.id, canary, revision: 0 })
  }
  await fillFiles(product, model.id, call)
  const ids = await fillTraces(call)
  return { ...ids, promptId: await fillPrompts(call), shareId: await fillShare(call, model.id) }
}

type Call = OpenConsole['call']

async function fillPeople(call: Call): Promise<void> {
  const projects = [{ id: 'default', role: 'member' }]
  for (const [index, name] of [hostileName, longName].entries()) {
    const email = `a-very-long-address-of-somebody-of-the-many-people-here-${index}@${'department.'.repeat(8)}example.org`
    const { secret } = await call('POST', '/v1/organization/invites', { email, role: 'reader', projects })
    await call('POST', '/galerne/v1/invitations/accept', { secret, name, password: 'correct horse battery' })
    await call('POST', '/v1/organization/invites', { email: `open-${email}`, role: 'reader', projects })
    await call('POST', '/v1/organization/projects/default/service_accounts', { name })
    await call('POST', '/v1/organization/projects', { name })
  }
}

async function fillMoney(call: Call, keys: readonly string[], model: string): Promise<void> {
  const large = 1_000_000_000_000
  for (const subject of keys) {
    await call('PUT', '/galerne/v1/limits', {
      ...{ scope: 'key', subject, model, requests_per_second: 1_000_000, requests_per_minute: 60_000_000 },
      ...{ tokens_per_minute: large, tokens_per_month: large, parallel_requests: 100_000 },
    })
    await call('POST', '/galerne/v1/budgets', {
      ...{ scope: 'key', subject, amount: 8_999_999.99, thresholds: [1, 50, 80, 90, 95, 100] },
      webhook: `https://hooks.example.org/${'a-very-long-path/'.repeat(12)}`,
    })
  }
  await call('POST', '/galerne/v1/budgets', { scope: 'organisation', amount: 0.000_001, period: 'ever', hard: false })
  await call('PUT', '/galerne/v1/tiers/assignments', { scope: 'organisation', tier: 1 })
}

async function fillFiles(product: OpenConsole['product'], model: string, call: Call): Promise<void> {
  const line = (id: string, body: object) =>
    JSON.stringify({ custom_id: id, method: 'POST', url: '/v1/chat/completions', body })
  const lines = [line(html, { model, max_tokens: 1, messages: [{ role: 'user', content: html }] })]
  for (const [name, content] of [
    [`${hostileName}.jsonl`, lines.join('\n')],
    [`${longName}.jsonl`, [...lines, line(longName, { model: `${hostileName}${longName}` })].join('\n')],
  ] as const) {
    const body = new FormData()
    body.set('purpose', 'batch')
    body.set('file', new Blob([content]), name)
    const authorization = `Bearer ${product.key}`
    const sent = await fetch(`${product.url}/v1/files`, { method: 'POST', headers: { authorization }, body })
    const { id } = (await sent.json()) as { readonly id: string }
    await call('POST', '/v1/batches', { input_file_id: id, endpoint: '/v1/chat/completions', completion_window: '24h' })
  }
}

async function fillPrompts(call: Call): Promise<string> {
  const name = `team/${longName.replaceAll(/[^A-Za-z]/g, '-').slice(0, 180)}`
  const alias = 'a-label-of-sixty-four-letters-that-goes-on-and-on-and-on-and-on'
  const text = (content: string) => ({ definition: { content }, notes: `${hostileName} ${longName}`, aliases: [alias] })
  const made = await call('POST', '/v2/prompts', {
    name,
    title: hostileName,
    ...text(`${hostileMarkdown} {{ ${'v'.repeat(90)} }}`),
  })
  await call('POST', `/v2/prompts/${made['id']}/versions`, text(`${hostileName} ${longName}`))
  return String(made['id'])
}

async function fillTraces(call: Call): Promise<Pick<Contents, 'traceId' | 'otherTraceId'>> {
  const traceId = hexId(16)
  const said = (role: string) => JSON.stringify([{ role, parts: [{ type: 'text', content: hostileMarkdown }] }])
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })
  const now = Date.now() * 1e6
  const span = (trace: string, spanId: string, parentSpanId: string | undefined) => ({
    ...{ traceId: trace, spanId, ...(parentSpanId !== undefined && { parentSpanId }) },
    ...{
      name: `${hostileName} ${longName}`,
      kind: 1,
      startTimeUnixNano: String(now),
      endTimeUnixNano: String(now + 9e12),
    },
    status: { code: 2, message: `${hostileName} ${longName}` },
    attributes: [
      ...[text('gen_ai.operation.name', 'chat'), text('gen_ai.request.model', hostileName)],
      ...[text('gen_ai.tool.name', html), text('user.id', hostileName), text('session.id', longName)],
      ...[text('gen_ai.input.messages', said(html)), text('gen_ai.output.messages', said('assistant'))],
      ...[text(longName, hostileName), text(html, longName), text('galerne.response', html)],
      { key: 'gen_ai.usage.input_tokens', value: { intValue: '9000000000000' } },
      {
        key: 'galerne.tags',
        value: { arrayValue: { values: [{ stringValue: hostileName }, { stringValue: longName }] } },
      },
      text('gen_ai.response.id', traceId),
    ],
  })
  const otherTraceId = hexId(16)
  const [root, child] = [hexId(8), hexId(8)]
  const spans = [span(traceId, root, undefined), span(traceId, child, root), span(otherTraceId, hexId(8), undefined)]
  const resource = { attributes: [text('service.name', hostileName)] }
  await call('POST', '/v1/traces', { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] })
  await call('POST', '/galerne/v1/feedback', {
    response_id: traceId,
    label: html,
    comment: `${hostileMarkdown} ${longName}`,
  })
  return { traceId, otherTraceId }
}

async function fillShare(call: Call, model: string): Promise<string> {
  const settings = { system: hostileMarkdown, temperature: '', topP: '', maxTokens: '', seed: '', logprobs: false }
  const answer = { state: 'done', text: hostileMarkdown, reasoning: hostileMarkdown, calls: [], likelihoods: [] }
  const columns = [
    { id: 'a', model },
    { id: 'b', model: `${hostileName} ${longName}` },
  ]
  const turns = [{ id: '1', question: hostileMarkdown, steps: { a: [{ answer }], b: [{ answer }] } }]
  const content = { kind: 'playground', settings, columns, turns }
  return String((await call('POST', '/galerne/v1/shares', { title: hostileName, content }))['id'])
}
