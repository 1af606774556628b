// Proves that a batch loses nothing and does nothing twice, however often its server, its engine or its database is killed meanwhile.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { databaseFile } from '../../src/base/home.ts'
import { connect } from '../../src/database/connect.ts'
import { batchRequestId } from '../../src/features/usage/batch-calls.ts'
import { tinyLlama } from '../support/gguf-models.ts'
import { byteVocabulary } from '../support/gguf-vocabulary.ts'
import { findPostgres, freePort, startCluster } from '../support/postgres-cluster.ts'
import { type Mortal, startMortal } from './batch-through-kills/mortal.ts'

type Victim = 'server' | 'engine' | 'PostgreSQL'

/** Numbers of a run. */
interface Plan {
  readonly lines: number
  readonly kills: number
  /** Tokens per answer: how much work a kill can meet. */
  readonly tokens: number
}

/** Runs the batch; returns a Markdown table. Throws when the proof does not hold. */
export async function run({ whole }: { whole: boolean }): Promise<string> {
  const plan: Plan = whole ? { lines: 2_000, kills: 50, tokens: 24 } : { lines: 60, kills: 4, tokens: 24 }
  const programs = findPostgres()
  const reports = [await proveOn('SQLite', plan)]
  if (programs !== undefined) {
    const cluster = await startCluster(programs)
    try {
      reports.push(await proveOn('PostgreSQL', plan, cluster))
    } finally {
      await cluster.stop()
    }
  } else if (whole) throw new Error('the whole proof needs PostgreSQL, which is not installed here')
  return reports.join('\n\n')
}

async function proveOn(name: string, plan: Plan, cluster?: Awaited<ReturnType<typeof startCluster>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-kills-'))
  const model = await tinyLlama({ folder, vocabulary: byteVocabulary([]) })
  const home = join(folder, 'home')
  const url = cluster?.url ?? `sqlite:${databaseFile(home)}`
  const server = await startMortal({ home, port: await freePort(), model, databaseUrl: url })
  try {
    const id = await submit(server, plan)
    const kills = await killAtRandom(server, id, plan, cluster)
    const batch = await server.ended(id)
    const results = await verifyResults(server, batch, plan)
    // A batch has ended before its lines are removed: stopped in between, they would wait for the next start.
    await linesGone(url)
    await server.stop()
    assert.deepEqual(await server.orphans(), [], 'engines of killed servers are still there')
    const usage = await verifyUsage(url, id, plan, batch)
    return report(name, plan, kills, results, usage)
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Uploads the lines and makes the batch. */
async function submit(server: Mortal, { lines, tokens }: Plan): Promise<string> {
  const text = Array.from({ length: lines }, (_, index) =>
    JSON.stringify({
      custom_id: `line-${index}`,
      method: 'POST',
      url: '/v1/completions',
      body: {
        model: 'tiny',
        prompt: `Line ${index} of the batch`,
        max_tokens: tokens,
        min_tokens: tokens,
        temperature: 0,
      },
    }),
  ).join('\n')
  const form = new FormData()
  form.append('purpose', 'batch')
  form.append('file', new Blob([text]), 'in.jsonl')
  const file = await server.call('/v1/files', { method: 'POST', body: form })
  const batch = await server.call('/v1/batches', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ input_file_id: file['id'], endpoint: '/v1/completions', completion_window: '24h' }),
  })
  return String(batch['id'])
}

/** Kills one after another, each time after the batch has got on a little, so that all of them fall into its life. */
async function killAtRandom(
  server: Mortal,
  id: string,
  { lines, kills }: Plan,
  cluster: Awaited<ReturnType<typeof startCluster>> | undefined,
): Promise<ReadonlyMap<Victim, number>> {
  const victims: Victim[] = cluster === undefined ? ['server', 'engine'] : ['server', 'engine', 'PostgreSQL']
  const counts = new Map<Victim, number>()
  const random = mulberry(20_261_126)
  for (let kill = 1; kill <= kills; kill++) {
    const target = Math.floor((lines * 0.9 * kill) / (kills + 1))
    await server.progressed(id, target)
    await delay(random() * 300)
    const victim = victims[Math.floor(random() * victims.length)] ?? 'server'
    counts.set(victim, (counts.get(victim) ?? 0) + 1)
    if (victim === 'PostgreSQL') {
      await cluster?.kill()
      await delay(random() * 2_000)
      await cluster?.start()
    } else if (victim === 'engine') await server.killEngine()
    else {
      await server.kill()
      await server.start()
    }
  }
  return counts
}

/** Every id has one result, and none failed. */
async function verifyResults(server: Mortal, batch: Record<string, unknown>, { lines }: Plan): Promise<number> {
  assert.equal(batch['status'], 'completed')
  assert.deepEqual(batch['request_counts'], { total: lines, completed: lines, failed: 0 })
  assert.equal(batch['error_file_id'], null)
  const text = await server.read(`/v1/files/${batch['output_file_id']}/content`)
  const ids = text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { custom_id, response } = JSON.parse(line)
      assert.equal(response.status_code, 200)
      return String(custom_id)
    })
  assert.equal(ids.length, lines)
  assert.deepEqual(new Set(ids), new Set(Array.from({ length: lines }, (_, index) => `line-${index}`)))
  return ids.length
}

/** The calls that a result came of are counted once each, and their tokens are those that the batch tells. */
async function verifyUsage(
  url: string,
  id: string,
  { lines }: Plan,
  batch: Record<string, unknown>,
): Promise<{ readonly counted: number; readonly cutOff: number; readonly tokens: number }> {
  const database = await connect(url)
  try {
    const rows = await database.query
      .selectFrom('usage')
      .select(['id', 'request_id', 'class', 'status', 'prompt_tokens', 'completion_tokens'])
      .execute()
    const complete = rows.filter(({ status }) => status === 'ok')
    assert.ok(rows.every((row) => row.class === 'batch'))
    const lineOf = new Map<string, number>()
    for (let number = 1; number <= lines; number++)
      for (let attempt = 0; attempt < 5; attempt++) lineOf.set(batchRequestId(id, number, attempt), number)
    const counted = complete.map(({ request_id }) => lineOf.get(request_id))
    assert.equal(counted.length, lines, 'one complete call per line')
    assert.equal(new Set(counted).size, lines)
    const tokens = complete.reduce((sum, row) => sum + row.prompt_tokens + row.completion_tokens, 0)
    assert.equal(tokens, (batch['usage'] as { total_tokens: number }).total_tokens)
    return { counted: counted.length, cutOff: rows.length - complete.length, tokens }
  } finally {
    await database.close()
  }
}

/** Resolves when no line of a batch is left in the database; throws when some stay. */
async function linesGone(url: string): Promise<void> {
  const database = await connect(url)
  try {
    const left = () => database.query.selectFrom('batch_lines').select('number').execute()
    for (let second = 0; second < 240 && (await left()).length > 0; second++) await delay(1_000)
    assert.deepEqual(await left(), [], 'lines are left of a batch that has ended')
  } finally {
    await database.close()
  }
}

function report(
  name: string,
  { lines, kills }: Plan,
  counts: ReadonlyMap<Victim, number>,
  results: number,
  usage: { readonly counted: number; readonly cutOff: number; readonly tokens: number },
): string {
  const killed = [...counts].map(([victim, count]) => `${victim} ${count}`).join(', ')
  return [
    `On ${name}, a batch of ${lines} lines, ${kills} SIGKILLs at random (${killed}):`,
    '',
    '| what | count |',
    '| --- | --- |',
    `| custom ids with exactly one result | ${results} |`,
    '| lines that failed | 0 |',
    `| complete calls in usage, one per line | ${usage.counted} |`,
    `| tokens of those calls, equal to the batch's own count | ${usage.tokens} |`,
    `| calls that a kill cut off, in usage as such | ${usage.cutOff} |`,
  ].join('\n')
}

/** A random sequence that is the same in every run. */
function mulberry(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
