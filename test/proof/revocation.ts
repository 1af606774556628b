// Proves that a revoked key stops within a second on every node, while both nodes are asked with it all the time; and tells what looking a
// key up costs. Needs a PostgreSQL for the nodes.
import assert from 'node:assert/strict'
import { systemClock } from '../../src/base/clock.ts'
import { connect } from '../../src/database/connect.ts'
import { createNotices } from '../../src/database/notices.ts'
import { createActs } from '../../src/features/audit/acts.ts'
import { createKey } from '../../src/features/keys/create.ts'
import { keyVerifier } from '../../src/features/keys/verify.ts'
import { emptyPostgres } from '../support/databases.ts'
import { type Nodes, startNodes } from '../support/nodes.ts'

/** Revokes 50 keys (3 when shortened) and looks a key up 5,000 times (200); returns Markdown. Throws when a key works too long. */
export async function run({ whole }: { whole: boolean }): Promise<string> {
  const place = await emptyPostgres()
  try {
    const delays = await revocations(place.url, whole ? 50 : 3)
    const worst = Math.max(...delays)
    assert.ok(worst < 1000, `a revoked key was still taken ${worst} ms later`)
    const sorted = delays.toSorted((one, other) => one - other)
    const middle = sorted[Math.floor(sorted.length / 2)] ?? 0
    const count = whole ? 5000 : 200
    const costs = [
      ...(await lookups('SQLite', 'sqlite::memory:', count)),
      ...(await lookups('PostgreSQL', place.url, count)),
    ]
    return `Two server processes on one PostgreSQL; each is asked with the key every few milliseconds, so that both remember it. Revoked through
one of them, the key was taken for the last time this long after the revocation was answered (0: never again):

| keys | p50 | worst | allowed |
| --- | --- | --- | --- |
| ${delays.length} | ${middle.toFixed(0)} ms | ${worst.toFixed(0)} ms | 1000 ms |

What one look-up of a key costs, one after the other, in this process:

| database | asked each time | remembered for half a second |
| --- | --- | --- |
${costs.join('\n')}`
  } finally {
    await place.remove()
  }
}

/** Milliseconds from the answer to each revocation until the last request with the key that any node took. */
async function revocations(databaseUrl: string, keys: number): Promise<readonly number[]> {
  const nodes = await startNodes(databaseUrl)
  try {
    const delays: number[] = []
    for (let index = 0; index < keys; index++) delays.push(await revocation(nodes, index))
    return delays
  } finally {
    await nodes.stop()
  }
}

async function revocation(nodes: Nodes, index: number): Promise<number> {
  const [maker, revoker] = [nodes.each[index % 2], nodes.each[(index + 1) % 2]]
  assert.ok(maker && revoker)
  const made = await send(maker.url, 'POST', '/galerne/v1/keys', nodes.key, { name: `key ${index}` })
  const { id, secret } = (await made.json()) as { id: string; secret: string }
  let answeredAt = Number.POSITIVE_INFINITY
  let lastTaken = 0
  let taken = 0
  const watch = async (url: string): Promise<void> => {
    // Until a node has refused it for a while after the answer.
    for (let refused = 0; refused < 20; ) {
      const { status } = await send(url, 'GET', '/v1/models', secret)
      if (status === 200) {
        taken++
        lastTaken = systemClock.elapsed()
      } else if (answeredAt !== Number.POSITIVE_INFINITY) refused++
    }
  }
  const watching = nodes.each.map(({ url }) => watch(url))
  while (taken < 10) await new Promise((resolve) => setImmediate(resolve))
  assert.equal((await send(revoker.url, 'DELETE', `/galerne/v1/keys/${id}`, nodes.key)).status, 200)
  answeredAt = systemClock.elapsed()
  await Promise.all(watching)
  return Math.max(0, lastTaken - answeredAt)
}

function send(url: string, method: string, path: string, key: string, body?: object): Promise<Response> {
  return fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

async function lookups(name: string, url: string, count: number): Promise<readonly string[]> {
  const database = await connect(url)
  const notices = await createNotices(database)
  try {
    const acts = createActs(database, systemClock)
    const { secret } = await createKey(acts, { kind: 'system', id: 'proof' }, { name: 'measured', role: 'member' })
    const measure = async (verifier: ReturnType<typeof keyVerifier>): Promise<string> => {
      for (let warm = 0; warm < 50; warm++) await verifier.verify(secret)
      const started = systemClock.elapsed()
      for (let turn = 0; turn < count; turn++) assert.ok(await verifier.verify(secret))
      return `${(((systemClock.elapsed() - started) / count) * 1000).toFixed(0)} µs`
    }
    const asked = await measure(keyVerifier(database, systemClock))
    const remembered = await measure(keyVerifier(database, systemClock, notices))
    return [`| ${name} | ${asked} | ${remembered} |`]
  } finally {
    await notices.close()
    await database.close()
  }
}
