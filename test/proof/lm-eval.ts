// Proves that lm-eval's `local-completions` reads from our API the same sums of log-probabilities that the engine gives when asked directly.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import { startPool } from '../../src/engine/pool.ts'
import type { Model } from '../../src/wire/model.ts'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { starterModel } from '../support/weights.ts'

const python = fileURLToPath(new URL('../../.cache/python/lm-eval/bin/python', import.meta.url))
const rowsFile = fileURLToPath(new URL('../../../shared/data/evals/hellaswag/val-first1000.jsonl', import.meta.url))

/** Says what is missing on this machine, or nothing. */
export function missing(): string | undefined {
  if (!existsSync(rowsFile)) return '../shared/data/evals/hellaswag is not here'
  if (!existsSync(python)) return 'run scripts/prepare-python.sh to make .cache/python/lm-eval'
  return undefined
}

/** One row of the file: a beginning and four endings, one of them right. */
interface Row {
  readonly query: string
  readonly label: number
  readonly endings: readonly string[]
}

/** One scored ending: lm-eval's sum of log-probabilities, and which row and ending it belongs to. */
interface Scored {
  readonly context: string
  readonly continuation: string
  readonly sum: number
}

/** Runs 100 rows (10 when shortened); returns a Markdown table. Throws when a sum or the accuracy differs. */
export async function run({ whole }: { whole: boolean }): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'galerne-lm-eval-'))
  const modelPath = await starterModel()
  const rows = readFileSync(rowsFile, 'utf8')
    .trim()
    .split('\n')
    .slice(0, whole ? 100 : 10)
  const server = await startProduct(['--model', modelPath, '--streams', '4', '--context-length', '1024'])
  try {
    const theirs = runLmEval(server, basename(modelPath, '.gguf'), folder, rows)
    await server.stop()
    return await compare(
      theirs,
      modelPath,
      rows.map((row) => JSON.parse(row) as Row),
    )
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function runLmEval(
  server: RunningProduct,
  name: string,
  folder: string,
  rows: readonly string[],
): { accuracy: number; scored: readonly Scored[] } {
  writeFileSync(join(folder, 'rows.jsonl'), `${rows.join('\n')}\n`)
  writeFileSync(
    join(folder, 'task.yaml'),
    `task: hellaswag_rows
dataset_path: json
dataset_kwargs: { data_files: { validation: ${join(folder, 'rows.jsonl')} } }
validation_split: validation
output_type: multiple_choice
doc_to_text: "{{query}}"
doc_to_target: "{{label}}"
doc_to_choice: endings
metric_list: [{ metric: acc, aggregation: mean, higher_is_better: true }]
`,
  )
  const model = `model=${name},base_url=${server.url}/v1/completions,tokenizer_backend=remote,auth_token=${server.key},num_concurrent=4`
  const args = ['-m', 'lm_eval', '--model', 'local-completions', '--model_args', model, '--tasks', 'hellaswag_rows']
  args.push('--include_path', folder, '--output_path', join(folder, 'out'), '--log_samples')
  const ended = spawnSync(python, args, {
    encoding: 'utf8',
    env: { ...process.env, OPENAI_API_KEY: server.key, HF_HUB_OFFLINE: '1', HF_HOME: join(folder, 'hf') },
    timeout: 1_200_000,
  })
  if (ended.status !== 0) throw new Error(`lm-eval ended with ${ended.status}:\n${ended.stderr.slice(-3000)}`)
  return readOutput(join(folder, 'out'))
}

function readOutput(folder: string): { accuracy: number; scored: readonly Scored[] } {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
  const results = files.find((name) => /results_.*\.json$/.test(name))
  const samples = files.find((name) => /samples_.*\.jsonl$/.test(name))
  if (results === undefined || samples === undefined) throw new Error(`lm-eval wrote no results: ${files}`)
  const parsed = JSON.parse(readFileSync(results, 'utf8')) as { results: { hellaswag_rows: { 'acc,none': number } } }
  const scored = readFileSync(samples, 'utf8')
    .trim()
    .split('\n')
    .flatMap((line) => {
      const sample = JSON.parse(line) as {
        arguments: Record<string, { arg_0: string; arg_1: string }>
        filtered_resps: [string, string][]
      }
      return Object.values(sample.arguments).map(({ arg_0: context, arg_1: continuation }, index) => ({
        context,
        continuation,
        sum: Number(sample.filtered_resps[index]?.[0]),
      }))
    })
  return { accuracy: parsed.results.hellaswag_rows['acc,none'], scored }
}

/** The same sums asked from the engine's own process, without HTTP, without prompts as text on the wire. */
async function compare(
  theirs: { accuracy: number; scored: readonly Scored[] },
  path: string,
  rows: readonly Row[],
): Promise<string> {
  const pool = await startPool({
    models: [{ name: 'starter', aliases: [], path, streams: 4, contextLength: 1024 }],
    log: createLog({ level: 'error' }),
    clock: systemClock,
  })
  try {
    const [model] = pool.models
    if (model === undefined) throw new Error('The pool has no model.')
    const sums: number[] = []
    for (const { context, continuation } of theirs.scored) sums.push(await sumOf(model, context, continuation))
    const worst = Math.max(...sums.map((sum, index) => Math.abs(sum - (theirs.scored[index]?.sum ?? Number.NaN))))
    const accuracy =
      rows.filter((row, index) => best(sums.slice(index * 4, index * 4 + 4)) === row.label).length / rows.length
    // A scored prompt has steps of its own, split the same way whoever else is there: what is left is how a sum is written in JSON.
    if (!(worst < 1e-6)) throw new Error(`A sum of log-probabilities differs by ${worst}.`)
    if (accuracy !== theirs.accuracy) throw new Error(`Accuracy ${accuracy} is not lm-eval's ${theirs.accuracy}.`)
    return `| rows | endings | accuracy, lm-eval | accuracy, engine | largest difference of a sum |\n| --- | --- | --- | --- | --- |\n| ${rows.length} | ${sums.length} | ${theirs.accuracy} | ${accuracy} | ${worst.toExponential(2)} |\n`
  } finally {
    await pool.stop()
  }
}

/** Log-probability of the continuation's tokens; the split between context and continuation is lm-eval's: by token count of the context. */
async function sumOf(model: Model, context: string, continuation: string): Promise<number> {
  const { signal } = new AbortController()
  const tokenize = (text: string): Promise<readonly number[]> =>
    model.tokenize({ type: 'text', text, addSpecial: false, parseSpecial: false }, signal)
  const contextLength = (await tokenize(context)).length
  const tokens = await tokenize(context + continuation)
  const call = {
    context: {
      requestId: 'proof',
      workspace: 'proof',
      key: 'proof',
      class: 'interactive',
      cacheScope: 'proof',
    } as const,
    prompt: { type: 'tokens', tokens } as const,
    sampling: { maxTokens: 0 },
    output: { type: 'text' } as const,
    promptLogprobs: 0,
  }
  let sum = 0
  for await (const event of model.complete(call, signal)) {
    if (event.type !== 'prompt-logprobs') continue
    for (const token of event.tokens.slice(contextLength)) sum += token.logprob ?? 0
  }
  return sum
}

function best(values: readonly number[]): number {
  return values.indexOf(Math.max(...values))
}
