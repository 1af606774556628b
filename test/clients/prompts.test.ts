// Stored prompts through Mistral's SDK, in chat requests, and under templates that want to harm.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Mistral } from 'mistralai-2'
import OpenAI from 'openai-7'
import { systemClock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import { connect } from '../../src/database/connect.ts'
import { openReader } from '../../src/database/reader.ts'
import { openPrompts } from '../../src/features/prompts/open.ts'
import { variablesOf } from '../../src/features/prompts/render.ts'
import { openTraces } from '../../src/features/traces/open.ts'
import { createEchoModel } from '../support/echo-model.ts'
import { chat, send } from '../support/http-client.ts'
import { adminKey, type RunningServer, startServer, testKey } from '../support/server.ts'
import { until } from '../support/until.ts'

describe('stored prompts', () => {
  const closing: (() => Promise<unknown>)[] = []
  let server: RunningServer
  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'galerne-prompts-'))
    closing.push(() => rm(folder, { recursive: true, force: true }))
    const database = await connect(`sqlite:${join(folder, 'galerne.sqlite')}`)
    closing.push(() => database.close())
    const reader = openReader(database)
    closing.push(() => reader.close())
    const prompts = openPrompts(database, systemClock)
    closing.push(() => prompts.close())
    const log = createLog({ level: 'silent' })
    const traces = openTraces({ database, reader, clock: systemClock, log, keepsContent: () => false })
    closing.push(() => traces.close())
    server = await startServer([createEchoModel()], { parts: { prompts, traces }, trace: traces.record })
    closing.push(() => server.stop())
  })
  after(async () => {
    for (const close of closing.reverse()) await close()
  })
  const prompts = () => new Mistral({ serverURL: server.url, apiKey: testKey }).beta.prompts

  test('the whole life of a prompt with the SDK', async () => {
    const made = await prompts().create({
      name: 'support/greeting',
      definition: { content: 'You help {{ customer }} in {{ language }}.' },
      title: 'Greeting',
      notes: 'first',
      aliases: ['production'],
    })
    assert.equal(made.version, 1)
    assert.deepEqual(
      made.definition?.variables?.map((variable) => variable.name),
      ['customer', 'language'],
    )
    const content = 'You help {{ customer }} in {{ language }}, in one sentence.'
    const added = await prompts().createVersion('support/greeting', {
      definition: { content },
      notes: 'shorter',
      aliases: ['staging'],
    })
    assert.deepEqual([added.version, added.deduplicated], [2, false])
    const again = await prompts().createVersion(made.id ?? '', { definition: { content } })
    assert.deepEqual([again.version, again.deduplicated], [2, true])

    assert.equal((await prompts().get({ promptId: 'support/greeting' })).version, 2)
    const production = await prompts().get({ promptId: 'support/greeting', alias: 'production' })
    assert.deepEqual([production.version, production.aliases, production.latestVersion], [1, ['production'], 2])
    await prompts().updateVersionMetadata(made.id ?? '', 2, { aliases: { values: ['production'] } })
    assert.equal((await prompts().get({ promptId: 'support/greeting', alias: 'production' })).version, 2)
    const versions = await prompts().listVersions({ promptId: made.id ?? '' })
    assert.deepEqual(
      versions.data?.map((version) => [version.version, version.aliases]),
      [
        [2, ['production']],
        [1, []],
      ],
    )
    const renamed = await prompts().updateMetadata(made.id ?? '', { title: 'Hello' })
    assert.equal(renamed.title, 'Hello')
    const names: (string | undefined)[] = []
    for await (const page of await prompts().list({ pageSize: 1 }))
      names.push(...(page.result.data ?? []).map((prompt) => prompt.name))
    assert.deepEqual(names, ['support/greeting'])
    await prompts().delete({ promptId: made.id ?? '' })
    await assert.rejects(prompts().get({ promptId: 'support/greeting' }))
  })

  test('a chat request names a prompt, and its trace names the version', async () => {
    await prompts().create({ name: 'tone', definition: { content: 'Speak like {{ who }}.' }, aliases: ['live'] })
    const answer = await chat(server, { prompt: { id: 'tone', version: 'live', variables: { who: 'a pirate' } } })
    assert.equal(answer.status, 200)
    const plain = await chat(server)
    assert.ok(answer.json().usage.prompt_tokens > plain.json().usage.prompt_tokens, 'its text is part of the prompt')
    await namesVersion(server, answer.json().id, 'tone', '1')
  })

  test('Responses, completions and their clients name a prompt too, and their traces name the version', async () => {
    await prompts().create({ name: 'style', definition: { content: 'Write like {{ who }}.' } })
    const prompt = { id: 'style', variables: { who: 'Ada' } }
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: testKey, maxRetries: 0 })
    const answers = [
      await client.responses.create({ model: 'echo', input: 'hello', instructions: 'Be brief.', prompt }),
      await client.completions.create({ model: 'echo', prompt: prompt as never, echo: true }),
    ] as const
    assert.equal(answers[0].usage?.input_tokens, 6)
    assert.match(answers[1].choices[0]?.text ?? '', /^Write like Ada\./)
    for (const { _request_id } of answers) await namesVersion(server, _request_id ?? '', 'style', '1')
    const unknown = await send(server, '/v1/completions', { body: { model: 'echo', prompt: { id: 'nothing' } } })
    assert.equal(unknown.status, 404)
    const strange = await send(server, '/v1/completions', { body: { model: 'echo', prompt: { name: 'style' } } })
    assert.equal(strange.status, 400)
  })

  test('what is missing, strange or not there is refused by name', async () => {
    const refusal = async (prompt: object) => {
      const { status, json } = await chat(server, { prompt })
      return [status, json().error.param, json().message] as const
    }
    const [missing, param, message] = await refusal({ id: 'tone' })
    assert.deepEqual([missing, param], [400, 'prompt.variables'])
    assert.match(message, /"who" is missing/)
    assert.match((await refusal({ id: 'tone', variables: { who: 'x', other: 'y' } }))[2], /no variable "other"/)
    assert.equal((await refusal({ id: 'nothing' }))[0], 404)
    assert.equal((await refusal({ id: 'tone', version: 9, variables: { who: 'x' } }))[0], 404)
    assert.equal((await refusal({ id: 'tone', version: 'nightly', variables: { who: 'x' } }))[0], 404)
  })

  test('a private prompt is its owner’s alone, and a name is taken once', async () => {
    const body = { name: 'mine', definition: { content: 'secret' }, sharingScope: 'private' }
    assert.equal((await send(server, '/v2/prompts', { body })).status, 200)
    assert.equal((await send(server, '/v2/prompts', { body })).status, 409)
    const other = { authorization: `Bearer ${adminKey}` }
    assert.equal((await send(server, '/v2/prompts/mine', { headers: other })).status, 404)
    const list = (await send(server, '/v2/prompts', { headers: other })).json()
    assert.ok(!list.data.some((prompt: { name: string }) => prompt.name === 'mine'))
  })

  test('a template that harms is refused or ended, and the server goes on', async () => {
    const make = (name: string, content: string) =>
      send(server, '/v2/prompts', { body: { name, definition: { content, variables: [] } } })
    assert.equal((await make('broken', '{{ unclosed')).status, 400)
    const loop = '{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}'
    const looping = await make('loop', loop)
    assert.ok([200, 400].includes(looping.status))
    if (looping.status === 200) assert.equal((await chat(server, { prompt: { id: 'loop' } })).status, 400)
    const escaping = await make('escape', '{{ self.constructor.constructor("return process")().exit() }}')
    if (escaping.status === 200) {
      const { status, text } = await chat(server, { prompt: { id: 'escape' } })
      assert.ok(status === 400 || status === 200, text)
    }
    assert.equal((await chat(server)).status, 200)
  })

  test('variables are read off the template: what it sets itself is not among them', () => {
    const cases: [content: string, names: string[]][] = [
      ['Hello {{ name }}', ['name']],
      ['{% if polite %}Dear {% endif %}{{ user.name | upper }}', ['polite', 'user']],
      ['{% for item in items %}{{ loop.index }} {{ item }}{% endfor %}', ['items']],
      ['{% set total = price * 2 %}{{ total }}', ['price']],
      ['{{ \'quoted words\' }} {{ a if b is defined else "c d" }}', ['a', 'b']],
      ['no variables at all', []],
    ]
    for (const [content, names] of cases) assert.deepEqual([...variablesOf(content)].sort(), names, content)
  })
})

/** Waits until the call's trace is there. */
async function namesVersion(server: RunningServer, requestId: string, name: string, version: string): Promise<void> {
  const [span] = await until('the call has its trace', async () => {
    const { status, json } = await send(server, `/galerne/v1/traces/${requestId}`)
    return status === 200 && json().spans
  })
  assert.equal(span.prompt_name, name)
  assert.equal(span.span_attributes['gen_ai.prompt.version'], version)
}
