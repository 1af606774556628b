// Proves that a pull through a hub that breaks, stalls, refuses and sends wrong bytes, by processes that are killed, ends with the right file.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endlessWeights, type StorageFault, startHub, type TestHub } from '../support/hub.ts'

const source = join(import.meta.dirname, '../../src')

/** What one answer of the storage does wrong, and how often of a hundred. */
const shares = { cut: 20, stall: 3, status: 8, 'wrong-byte': 4 } as const
type Kind = keyof typeof shares

/** Pulls 2 GB (20 MB when shortened), three processes of which are killed on the way (one when shortened); returns what happened. */
export async function run({ whole }: { whole: boolean }): Promise<string> {
  const content = endlessWeights(whole ? 2_000_000_000 : 20_000_000)
  const kills = whole ? [0.2, 0.5, 0.8] : [0.4]
  const folder = await mkdtemp(join(tmpdir(), 'galerne-faulty-'))
  const hub = await startHub()
  const met = new Map<Kind, number>()
  try {
    hub.put('team/Large-GGUF', 'large.gguf', { content })
    hub.pace = whole ? 1 : 3
    hub.nextFault = faults(met, content.length)
    for (const share of kills) await pullUntil(hub, folder, share * content.length)
    const { receipt, troubles } = await pullToEnd(hub, folder)
    assert.equal(receipt.sha256, content.sha256)
    assert.equal(await hashOf(receipt.path), content.sha256)
    assert.equal((await stat(receipt.path)).size, content.length)
    const names = await readdir(folder, { recursive: true })
    assert.deepEqual(
      names.filter((name) => /partial|\.galerne|\.next/.test(name)),
      [],
    )
    for (const kind of Object.keys(shares) as Kind[])
      if (whole) assert.ok((met.get(kind) ?? 0) > 0, `no ${kind} was met`)
    return report(content.length, hub, met, { kills: kills.length, peakBytes: receipt.peakBytes, troubles })
  } finally {
    await hub.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** The same faults in every run; what they strike depends on which connection comes when. */
function faults(met: Map<Kind, number>, length: number): () => StorageFault | undefined {
  let state = 20_261_126
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  const part = length / 64
  return () => {
    const drawn = random() * 100
    let above = 0
    for (const [kind, share] of Object.entries(shares) as [Kind, number][]) {
      above += share
      if (drawn >= above) continue
      met.set(kind, (met.get(kind) ?? 0) + 1)
      if (kind === 'cut' || kind === 'stall') return { type: kind, after: Math.floor(random() * part) }
      if (kind === 'wrong-byte') return { type: kind, at: random() }
      return { type: 'status', status: [403, 429, 500, 503][Math.floor(random() * 4)] ?? 503 }
    }
    return undefined
  }
}

interface Receipt {
  readonly path: string
  readonly sha256: string
  readonly peakBytes: number
}

/** A process that pulls, and tells of its progress a line each. */
function startPull(hub: TestHub, folder: string): ChildProcess {
  const options = {
    home: join(folder, 'home'),
    hubCache: join(folder, 'cache'),
    hubUrl: hub.url,
    // Less patient than people are, so that a stall costs the proof a second and not thirty.
    patience: { attempts: 100, backoffMs: 20, stallMs: 1000 },
  }
  const script = `
    import { createEgress } from ${JSON.stringify(join(source, 'base/egress.ts'))}
    import { pull } from ${JSON.stringify(join(source, 'features/models/pull.ts'))}
    const egress = createEgress()
    const onProgress = (progress) => console.log(JSON.stringify({ progress }))
    const pulled = await pull('hf:team/Large-GGUF:large.gguf', { ...${JSON.stringify(options)}, egress, onProgress })
    console.log(JSON.stringify({ receipt: { ...pulled, peakBytes: process.resourceUsage().maxRSS * 1024 } }))
    await egress.close()`
  return spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

interface Line {
  readonly progress?: { readonly phase: string; readonly receivedBytes: number; readonly reason?: string }
  readonly receipt?: Receipt
}

async function* linesOf(child: ChildProcess): AsyncGenerator<Line> {
  let rest = ''
  for await (const chunk of child.stdout ?? []) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield JSON.parse(line) as Line
  }
}

/** Ends the process without a word once so many bytes have come. */
async function pullUntil(hub: TestHub, folder: string, bytes: number): Promise<void> {
  const child = startPull(hub, folder)
  const ended = once(child, 'exit')
  for await (const { progress } of linesOf(child)) {
    if (progress?.phase === 'downloading' && progress.receivedBytes >= bytes) child.kill('SIGKILL')
  }
  const [, signal] = (await ended) as [number | null, string | null]
  assert.equal(signal, 'SIGKILL')
}

async function pullToEnd(hub: TestHub, folder: string): Promise<{ receipt: Receipt; troubles: string[] }> {
  const child = startPull(hub, folder)
  const ended = once(child, 'exit')
  const troubles: string[] = []
  let receipt: Receipt | undefined
  for await (const line of linesOf(child)) {
    if (line.progress?.phase === 'retrying') troubles.push(line.progress.reason ?? '')
    if (line.progress?.phase === 'repairing' && line.progress.receivedBytes === 0) troubles.push('repairing')
    receipt = line.receipt ?? receipt
  }
  const [code] = (await ended) as [number | null, string | null]
  assert.equal(code, 0)
  assert.ok(receipt !== undefined)
  return { receipt, troubles }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 4_194_304 })) hash.update(chunk)
  return hash.digest('hex')
}

function report(
  length: number,
  hub: TestHub,
  met: ReadonlyMap<Kind, number>,
  { kills, peakBytes, troubles }: { kills: number; peakBytes: number; troubles: readonly string[] },
): string {
  const answers = hub.requests.filter(({ server, method }) => server === 'storage' && method === 'GET')
  const count = (kind: Kind) => met.get(kind) ?? 0
  return [
    `A file of ${length} bytes was pulled over 8 connections from a local hub whose storage spoiled answers at random: ${Object.entries(
      shares,
    )
      .map(([kind, share]) => `${share} % ${kind}`)
      .join(', ')}. ${kills} processes that pulled were ended with SIGKILL on the way; the next one went on.`,
    '',
    '| what | times |',
    '| --- | --- |',
    `| answers of the storage | ${answers.length} |`,
    `| connections reset within the body | ${count('cut')} |`,
    `| bodies that stalled | ${count('stall')} |`,
    `| statuses 403, 429, 500, 503 | ${count('status')} |`,
    `| answers with a wrong byte | ${count('wrong-byte')} |`,
    `| processes killed | ${kills} |`,
    `| repairs after a wrong hash, in the last process | ${troubles.filter((reason) => reason === 'repairing').length} |`,
    '',
    `The file has the right size and the right sha256, no partial file was left, and the last process never held more than ${Math.round(peakBytes / 2 ** 20)} MiB.`,
  ].join('\n')
}
