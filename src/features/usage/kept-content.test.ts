// Whose content is kept: as the workspace has it, as a request's header asks, blacked out before it is stored, and no longer than it may be.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type AccountingServer, startAccounting } from '../../../test/support/accounting.ts'
import { describeOnServers } from '../../../test/support/databases.ts'
import { testKey } from '../../../test/support/server.ts'

describeOnServers('content that is kept', (get) => {
  let server: AccountingServer
  before(async () => {
    server = await startAccounting(get().database)
  })
  after(() => server.stop())
  const settings = async (body: object) => {
    const answer = await server.send('PUT', '/galerne/v1/workspaces/default/usage-settings', body)
    return { status: answer.status, body: answer.body }
  }
  const ask = async (content: string, header?: string, model = 'echo') => {
    const answer = await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        ...{ authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
        ...(header !== undefined && { 'galerne-trace-content': header }),
      },
      body: JSON.stringify({ model, messages: [{ role: 'user', content }] }),
    })
    // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of the body by asserting on it
    return { status: answer.status, body: (await answer.json()) as any }
  }
  /** What lies in the table of the call, as text. */
  const kept = async (requestId: string) => {
    await server.usage.writer.flush()
    const rows = await get()
      .database.query.selectFrom('usage_contents')
      .innerJoin('usage', 'usage.id', 'usage_contents.id')
      .select(['input', 'output'])
      .where('request_id', '=', requestId)
      .execute()
    return rows.map(({ input, output }) => `${input} ${output}`).join()
  }

  test('a request may ask for it and against it, unless its workspace does not let it ask', async () => {
    assert.equal(await kept((await ask('one')).body.id), '')
    assert.match(await kept((await ask('two', 'on')).body.id), /two/)
    await settings({ keep_content: true })
    assert.match(await kept((await ask('three')).body.id), /three/)
    assert.equal(await kept((await ask('four', 'off')).body.id), '')
    await settings({ keep_content: false, content_by_request: false })
    const refused = await ask('five', 'on')
    assert.deepEqual([refused.status, refused.body.error.param], [400, 'galerne-trace-content'])
    assert.equal(await kept((await ask('six', 'off')).body.id), '')
    const strange = await ask('seven', 'yes')
    assert.deepEqual([strange.status, strange.body.error.param], [400, 'galerne-trace-content'])
    await settings({ content_by_request: true })
  })

  test('rules of redaction hold from the next call on, before anything is stored', async () => {
    const presets = ['email', 'card', 'iban', 'key']
    const patterns = [{ name: 'ticket', pattern: 'T-[0-9]{4}' }]
    const set = await settings({ keep_content: true, redaction: { presets, patterns } })
    assert.deepEqual(set.body.redaction, { presets, patterns })
    const secrets = 'ada@example.org 4111 1111 1111 1111 DE89370400440532013000 sk-abcdefghijklmnop1234 T-1234'
    const answer = await ask(`My words: ${secrets}`)
    // The client gets what the model said.
    assert.match(answer.body.choices[0].message.content, /T-1234/)
    const text = await kept(answer.body.id)
    assert.match(
      text,
      /My words: \[redacted:email\] \[redacted:card\] \[redacted:iban\] \[redacted:key\] \[redacted:ticket\]/,
    )
    for (const secret of secrets.split(' ')) assert.ok(!text.includes(secret), secret)
    const wrong = await settings({ redaction: { patterns: [{ name: 'x', pattern: '(a)\\1' }] } })
    assert.deepEqual([wrong.status, wrong.body.error.param], [400, 'redaction.patterns[0].pattern'])
    await settings({ keep_content: false, redaction: {} })
    assert.match(await kept((await ask('ada@example.org', 'on')).body.id), /ada@example\.org/)
  })
})
