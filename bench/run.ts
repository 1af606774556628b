// One command, one table: Galerne beside llama.cpp's own server on the same weights and threads, in the same run. `npm run bench -- --help` lists the switches.
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { systemClock } from '../src/base/clock.ts'
import { createLog } from '../src/base/log.ts'
import { startPool } from '../src/engine/pool.ts'
import { startProduct } from '../test/support/product.ts'
import { starterModel } from '../test/support/weights.ts'
import { quantile, type Target } from './load.ts'
import { type PeerOptions, startLlamaServer } from './peers/llama-server.ts'
import { measureBatchInterference, measureBatchThroughput, measureCall } from './rows/batch.ts'
import { measureColdStart } from './rows/cold-start.ts'
import { measureInterference } from './rows/interference.ts'
import { measureLatency, measureSixteen } from './rows/overhead.ts'
import { type CommonPrefix, measureThroughput } from './rows/throughput.ts'

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string' },
    levels: { type: 'string', default: '1,4,8,16' },
    rounds: { type: 'string', default: '3' },
    slots: { type: 'string', default: '8' },
    threads: { type: 'string', default: `${availableParallelism()}` },
    tokens: { type: 'string', default: '64' },
    /** Row 8: live calls of a window. */
    calls: { type: 'string', default: '20' },
    /** Row 7: lines of the batch that is timed. */
    lines: { type: 'string', default: '48' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (flags.help) {
  console.log(`npm run bench -- [--rows 1,2,3,4,6,7,8] [--levels 1,4,8,16] [--rounds 3] [--slots 8] [--threads N] [--tokens 64] [--out FILE]
The whole takes about 25 minutes on two cores and is written to docs/proof/; chosen rows are printed, and written where --out says.
Rows: 1 throughput with a shared prefix, new each round and the same in all, 2 without, 3 first token while long prompts arrive, 4 the server's overhead, 6 cold start, 7 lines as a batch beside the same live, 8 live calls beside a batch.`)
  process.exit(0)
}

const rows = new Set((flags.rows ?? '1,2,3,4,6,7,8').split(','))
// A few rows must not take the place of the whole table of the day.
const out =
  flags.out ?? (flags.rows === undefined ? `docs/proof/${new Date().toISOString().slice(0, 10)}-bench.md` : undefined)
const levels = flags.levels.split(',').map(Number)
const rounds = Number(flags.rounds)
const modelPath = await starterModel()
const report: string[] = [
  '# Bench beside llama-server\n',
  'Repeat it with `npm run bench`. Goals are those of the design.\n',
]
const say = (line: string): void => {
  console.error(line)
}

/** What Galerne and the peer get alike; each row has its own context length. */
function alike(contextLength: number, slots = Number(flags.slots)): PeerOptions {
  return { modelPath, threads: Number(flags.threads), slots, contextLength }
}

async function startUs(options: PeerOptions): Promise<{ target: Target; stop: () => Promise<unknown> }> {
  const { slots, contextLength, threads } = options
  const plan = ['--streams', `${slots}`, '--context-length', `${contextLength}`, '--threads', `${threads}`]
  const server = await startProduct(['--model', `starter=${modelPath}`, ...plan, '--log-level', 'error'])
  const target = { name: 'Galerne', url: server.url, key: server.key, model: 'starter', processId: server.process.pid }
  return { target, stop: () => server.stop() }
}

async function beside(options: PeerOptions, work: (ours: Target, peer: Target) => Promise<void>): Promise<string> {
  const [ours, peer] = await Promise.all([startUs(options), startLlamaServer(options)])
  try {
    await work(ours.target, peer.target)
    return peer.description
  } finally {
    await Promise.all([ours.stop(), peer.stop()])
  }
}

/** The ratio that the design asks for at least. */
function least(clients: number, prefix: CommonPrefix): string {
  const floors: Readonly<Record<number, string>> = { 1: '1.0', 4: '1.5', 8: '1.2', 16: '1.5' }
  return prefix === 'none' ? '1.0' : (floors[clients] ?? '–')
}

const titles: Readonly<Record<CommonPrefix, string>> = {
  known: 'Shared prefix of about 540 tokens, the same in every round',
  new: 'Shared prefix of about 540 tokens, a new one each round',
  none: 'No common prefix',
}

async function throughput(prefix: CommonPrefix): Promise<void> {
  const title = titles[prefix]
  say(title)
  const description = await beside(alike(1024), async (ours, peer) => {
    // Without a prefix the reading takes nearly all the time: half the prompts and a round less.
    const amount =
      prefix !== 'none' ? { rounds, promptsPerClient: 2 } : { rounds: Math.max(1, rounds - 1), promptsPerClient: 1 }
    const table = await measureThroughput(ours, peer, {
      levels,
      ...amount,
      newTokens: Number(flags.tokens),
      prefix,
      say,
    })
    report.push(`### ${title}, ${flags.tokens} new tokens, ${flags.slots} streams\n`)
    report.push(
      '| clients | Galerne tok/s | llama-server tok/s | ratio | least | first token p50, Galerne | llama-server | CPU ms a token, Galerne | llama-server |',
    )
    report.push('| --- | --- | --- | --- | --- | --- | --- | --- | --- |')
    for (const row of table) {
      const speeds = `${row.ours.toFixed(1)} | ${row.peer.toFixed(1)} | **${row.ratio.toFixed(2)}** | ${least(row.clients, prefix)}`
      const firsts = `${row.oursFirstTokenMs.toFixed(0)} ms | ${row.peerFirstTokenMs.toFixed(0)} ms`
      report.push(
        `| ${row.clients} | ${speeds} | ${firsts} | ${row.oursCpuMs.toFixed(1)} | ${row.peerCpuMs.toFixed(1)} |`,
      )
    }
  })
  report.push(`\nPeer: ${description}\n`)
}

async function interference(): Promise<void> {
  say('First token under 8 streams while prompts of 4,000 tokens arrive')
  await beside(alike(5120, 10), async (ours, peer) => {
    const ourP99: number[] = []
    const peerP99: number[] = []
    report.push('### First token of short requests in 8 streams while prompts of about 4,000 tokens arrive\n')
    report.push('| round | server | p50 | p99 | requests |\n| --- | --- | --- | --- | --- |')
    for (let round = 0; round < Math.min(rounds - 1, 2) || round === 0; round++) {
      for (const [target, list] of [
        [ours, ourP99],
        [peer, peerP99],
      ] as const) {
        const row = await measureInterference(target, 2, round + 1)
        list.push(row.p99)
        report.push(
          `| ${round + 1} | ${row.name} | ${row.p50.toFixed(0)} ms | ${row.p99.toFixed(0)} ms | ${row.requests} |`,
        )
        say(report.at(-1) ?? '')
      }
    }
    const ratio = quantile(
      ourP99.map((value, index) => value / (peerP99[index] ?? Number.NaN)),
      0.5,
    )
    report.push(`\nRatio of p99: **${ratio.toFixed(2)}** (at most 0.5)\n`)
  })
}

async function overhead(): Promise<void> {
  say('Overhead of the server')
  const options = alike(1024, 16)
  const server = await startUs(options)
  const { slots: streams, contextLength, threads } = options
  const pool = await startPool({
    models: [{ name: 'starter', aliases: [], path: modelPath, streams, contextLength }],
    threads,
    log: createLog({ level: 'error' }),
    clock: systemClock,
  })
  try {
    const [model] = pool.models
    if (model === undefined) throw new Error('The pool has no model.')
    report.push('### Overhead of the server against the engine process driven directly\n')
    report.push('| | Galerne over HTTP | engine directly | difference of a pair, median (quartiles) |')
    report.push('| --- | --- | --- | --- |')
    const kept = { ...server.target, keepsConnections: true }
    for (const [target, connections] of [
      [kept, 'connections are kept'],
      [server.target, 'each call opens a connection'],
    ] as const) {
      const { server: over, engine, added } = await measureLatency(target, model, 200)
      const [low, middle, high] = added.map((ms) => `${ms > 0 ? '+' : ''}${ms.toFixed(2)}`)
      report.push(
        `| one client, one token, ${connections} | ${over.toFixed(1)} ms | ${engine.toFixed(1)} ms | **${middle} ms** (${low} to ${high}; at most 3) |`,
      )
    }
    const { server: over, engine, lost } = await measureSixteen(kept, model, { rounds: rounds + 1, newTokens: 64 })
    const [low, middle, high] = lost.map((part) => (part * 100).toFixed(1))
    report.push(
      `| 16 clients, connections are kept | ${over.toFixed(1)} tok/s | ${engine.toFixed(1)} tok/s | **${middle} % lost** (${low} to ${high}; at most 5) |\n`,
    )
    say(report.slice(-3).join('\n'))
  } finally {
    await Promise.all([server.stop(), pool.stop()])
  }
}

async function coldStart(): Promise<void> {
  say('Cold start to the first answer')
  const ours: number[] = []
  const peer: number[] = []
  for (let round = 0; round < Math.max(rounds, 5); round++) {
    ours.push(await measureColdStart(() => startUs(alike(1024))))
    peer.push(await measureColdStart(() => startLlamaServer(alike(1024))))
  }
  const ratio = quantile(
    ours.map((value, index) => value / (peer[index] ?? Number.NaN)),
    0.5,
  )
  report.push('### Cold start to the first answer, weights on disk\n')
  report.push('| Galerne, median | llama-server, median | ratio |\n| --- | --- | --- |')
  report.push(
    `| ${quantile(ours, 0.5).toFixed(0)} ms | ${quantile(peer, 0.5).toFixed(0)} ms | **${ratio.toFixed(2)}** (at most 1.5) |\n`,
  )
  say(report.at(-1) ?? '')
}

/** Batches against live calls on one server; there is no peer that has them. */
async function batches(): Promise<void> {
  say('Batches beside live calls')
  const slots = Number(flags.slots)
  const server = await startUs(alike(512, slots))
  try {
    report.push(`### Batches, ${slots} streams, of which batch work leaves one alone\n`)
    report.push('| the same lines | live tok/s | as a batch tok/s | ratio |\n| --- | --- | --- | --- |')
    const { live, batch, ratio } = await measureBatchThroughput(server.target, {
      streams: slots,
      lines: Number(flags.lines),
      rounds,
    })
    report.push(
      `| ${slots - 1} live clients, as many as batch work takes streams | ${live.fewer.toFixed(1)} | ${batch.toFixed(1)} | **${ratio.fewer.toFixed(2)}** |`,
      `| ${slots} live clients | ${live.all.toFixed(1)} | ${batch.toFixed(1)} | **${ratio.all.toFixed(2)}** |`,
    )
    say(report.slice(-2).join('\n'))
  } finally {
    await server.stop()
  }
}

/** How much of the time live calls alone keep the machine busy, where they do not queue. */
const halfBusy = 0.5

/** Live calls at a rate that the machine can serve, and at the one a second, which two cores cannot. */
async function liveBesideBatch(): Promise<void> {
  say('Live calls beside a batch')
  const server = await startUs(alike(512))
  try {
    const callMs = await measureCall(server.target)
    report.push('### First token of live calls (prompts of 300 tokens, 64 new) beside a batch of 1,000 lines\n')
    report.push(
      `A call takes ${callMs.toFixed(0)} ms when nothing else runs. Windows without and with the batch take turns.\n`,
      '| live calls | busy without the batch | calls each | alone, p50 / p95 | beside the batch, p50 / p95 | lines done | growth of p95 |',
      '| --- | --- | --- | --- | --- | --- | --- |',
    )
    for (const everyMs of [Math.round(callMs / halfBusy), 1_000]) {
      const plan = { calls: Number(flags.calls), rounds: everyMs === 1_000 ? 1 : Math.max(2, rounds - 1) }
      const row = await measureBatchInterference(server.target, { ...plan, lines: 1_000, everyMs })
      const { alone, beside, growth, lines } = row
      const times = [alone, beside].map(({ p50, p95 }) => `${p50.toFixed(0)} / ${p95.toFixed(0)} ms`).join(' | ')
      const busy = `${((100 * callMs) / everyMs).toFixed(0)} %`
      report.push(
        `| one every ${everyMs} ms | ${busy} | ${alone.calls} | ${times} | ${lines} | **${(growth * 100).toFixed(0)} %** (at most 10) |`,
      )
      say(report.at(-1) ?? '')
    }
    report.push('')
  } finally {
    await server.stop()
  }
}

const work: Readonly<Record<string, () => Promise<void>>> = {
  1: async () => {
    await throughput('new')
    await throughput('known')
  },
  2: () => throughput('none'),
  3: interference,
  4: overhead,
  6: coldStart,
  7: batches,
  8: liveBesideBatch,
}
report.push(
  `SmolLM2-135M-Instruct Q4_1, ${flags.threads} threads, ${cpus()[0]?.model ?? 'unknown CPU'}, ${new Date().toISOString().slice(0, 10)}\n`,
)
const begun = performance.now()
for (const [row, run] of Object.entries(work)) {
  if (!rows.has(row)) continue
  // What the other rows measured is kept when one fails.
  await run().catch((cause: unknown) => {
    console.error(cause)
    process.exitCode = 1
    report.push(`Row ${row} failed: ${cause instanceof Error ? cause.message : String(cause)}\n`)
  })
}
report.push(`Took ${((performance.now() - begun) / 60_000).toFixed(1)} minutes.`)
console.log(report.join('\n'))
if (out !== undefined) writeFileSync(out, `${report.join('\n')}\n`)
