// A batch keeps the version that it began with, whatever becomes of the alias that it names.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { describeOnServers } from '../../../test/support/databases.ts'
import { createEchoModel } from '../../../test/support/echo-model.ts'
import { startFilesServer, upload } from '../../../test/support/files-server.ts'
import { send } from '../../../test/support/http-client.ts'
import { systemClock } from '../../base/clock.ts'
import { createNotices } from '../../database/notices.ts'
import { createActs } from '../audit/acts.ts'
import { openRouting, type Routing } from '../models/routing.ts'

describeOnServers('the version of a batch', (get) => {
  test('an alias that moves while a batch runs moves none of its lines; a canary is drawn once for all of them', async () => {
    const { database } = get()
    const notices = await createNotices(database)
    const acts = createActs(database, systemClock, notices)
    const opened: Routing[] = []
    const slow = createEchoModel({ name: 'slow', streams: 2, tokenMs: 5, digest: 'a'.repeat(64) })
    const fresh = createEchoModel({ name: 'fresh' })
    const server = await startFilesServer(database, {
      models: [slow, fresh],
      async routing(parts) {
        const routing = await openRouting({ acts, notices, clock: systemClock, ...parts })
        opened.push(routing)
        return routing
      },
    })
    const actor = { kind: 'system', id: 'test' } as const
    const point = (target: string, canary?: string) =>
      opened[0]?.changes.set(actor, 'moving', {
        target,
        canary:
          canary === undefined
            ? null
            : {
                ...{ target: canary, percent: 50, sticky: 'random', seed: 1, gate: null, webhook: null },
                rollback: { errorRate: 1, minimumCalls: 1, windowMs: 1000, firstTokenRatio: null },
              },
        ...{ shadow: null, reason: null },
      })
    const run = async (meanwhile: () => Promise<unknown>) => {
      const lines = Array.from({ length: 12 }, (_, index) => ({
        ...{ custom_id: `line-${index}`, method: 'POST', url: '/v1/chat/completions' },
        body: { model: 'moving', messages: [{ role: 'user', content: 'a few words to say here' }] },
      }))
      const content = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
      const { body: file } = await upload(server, { purpose: 'batch', file: ['in.jsonl', content] })
      const body = { input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' }
      let batch = (await send(server, '/v1/batches', { body })).json()
      const look = async () => {
        await delay(5)
        batch = (await send(server, `/v1/batches/${batch.id}`)).json()
      }
      while (batch.request_counts.completed === 0) await look()
      await meanwhile()
      while (batch.status !== 'completed') await look()
      assert.equal(batch.request_counts.completed, 12)
      const output = (await send(server, `/v1/files/${batch.output_file_id}/content`)).text.trimEnd().split('\n')
      return new Set(output.map((text) => JSON.parse(text).response.body.model as string))
    }
    try {
      await point('slow')
      assert.deepEqual(await run(async () => await point('fresh')), new Set(['slow']))
      assert.deepEqual(await run(async () => {}), new Set(['fresh']))
      await point('slow', 'fresh')
      assert.equal((await run(async () => {})).size, 1)
    } finally {
      await server.stop()
      await opened[0]?.stop()
      await notices.close()
    }
  })
})
