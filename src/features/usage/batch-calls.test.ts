// The calls of one batch, found among those of others and of nobody, on both databases.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOnDatabases } from '../../../test/support/databases.ts'
import { usageRow } from '../../../test/support/usage-rows.ts'
import { hexId } from '../../base/ids.ts'
import { batchRequestId } from './batch-calls.ts'
import { listCalls } from './calls.ts'
import { writeUsage } from './store.ts'

describeOnDatabases('calls of a batch', (get) => {
  test('are those of its lines and attempts, and no others', async () => {
    const { database } = get()
    const ids = (batch: string) => [1, 2, 3].flatMap((line) => [0, 1].map((past) => batchRequestId(batch, line, past)))
    const [mine, others] = [ids('batch_a'), ids('batch_b')]
    const requestIds = [...mine, ...others, hexId(), hexId()]
    assert.equal(new Set(requestIds).size, requestIds.length)
    await writeUsage(
      database,
      requestIds.map((requestId) => ({ row: usageRow({ id: `call_${requestId}`, requestId, class: 'batch' }) })),
    )
    const found = await listCalls(database.query, { batch: 'batch_a', limit: 100 })
    assert.deepEqual(found.map((call) => call.request_id).sort(), [...mine].sort())
  })
})
