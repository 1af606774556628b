// Proves quantising and its figures on real weights: the starter dequantised to F16 as the reference, then Q8_0 and Q4_K_M of that, each
// with size, speed and perplexity. Perplexity is computed a second time from the library's own logits, in whole windows.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { childEnvironment } from '../../src/base/config.ts'
import { createEgress } from '../../src/base/egress.ts'
import { measureFile, type QualityRecord } from '../../src/features/models/measure.ts'
import { pull } from '../../src/features/models/pull.ts'
import type { PulledModel } from '../../src/features/models/pull-note.ts'
import { windowTokens } from '../../src/features/models/quality.ts'
import { usualText } from '../../src/features/models/quality-text.ts'
import { quantizeModel } from '../../src/features/models/quantize.ts'
import { TestEngine } from '../engine/open-engine.ts'
import { starterModel } from '../support/weights.ts'

const evals = new URL('../../../shared/data/evals/', import.meta.url)
const speech = new URL('chunking/corpora/state_of_the_union.md', evals)

/** What the whole proof takes of the text. */
const wholeCharacters = 10_000
/** Ways to a sum may differ by rounding in batches of another shape. */
const tolerance = 0.002

/** All windows and tasks when whole, two windows when shortened. */
export async function run({ whole }: { whole: boolean }): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'galerne-quantisation-'))
  const { name, text } = await textFor(whole)
  const options = {
    home,
    text,
    threads: 1,
    environment: childEnvironment(),
    signal: new AbortController().signal,
  }
  try {
    const source = await starter(home)
    const half = await make(source, 'F16', home)
    const records: QualityRecord[] = []
    for (const model of [source, half, await make(half, 'Q8_0', home), await make(half, 'Q4_K_M', home)])
      records.push(await measureFile(model, options))
    const [first, reference, eight, four] = records
    assert.ok(first && reference && eight && four)
    const again = await independentPerplexity(half.path, text)
    near(again, reference.perplexity, tolerance, 'the independent computation')
    // The same numbers in another form: only the multiplication differs, which rounds activations. Over few tokens that moves the sum by 2 %.
    const rounding = whole ? 0.01 : 0.05
    near(first.perplexity, reference.perplexity, 2 * rounding, 'Q4_1 beside its own numbers in F16')
    near(eight.perplexity, reference.perplexity, rounding, 'Q8_0')
    near(four.perplexity, reference.perplexity, 0.15, 'Q4_K_M')
    assert.ok(reference.sizeBytes > eight.sizeBytes && eight.sizeBytes > four.sizeBytes)
    return report(records, { name, again })
  } finally {
    await rm(home, { recursive: true })
  }
}

function near(actual: number, expected: number, part: number, what: string): void {
  assert.ok(Math.abs(actual / expected - 1) <= part, `${what}: ${actual} and ${expected}`)
}

async function textFor(whole: boolean): Promise<{ readonly name: string; readonly text: string }> {
  if (!whole || !existsSync(speech))
    return { name: "the program's own text (src/features/models/quality-text.ts)", text: usualText }
  const text = (await readFile(speech, 'utf8')).slice(0, wholeCharacters)
  const from = 'a speech of the US government, in the public domain; chunking_evaluation, MIT'
  return { name: `the first ${wholeCharacters} characters of state_of_the_union.md (${from})`, text }
}

async function starter(home: string): Promise<PulledModel> {
  const egress = createEgress()
  try {
    return { ...(await pull(await starterModel(), { home, egress })), name: 'starter' }
  } finally {
    await egress.close()
  }
}

async function make(source: PulledModel, to: string, home: string): Promise<PulledModel> {
  const { model } = await quantizeModel(source, {
    ...{ home, to, allowRequantize: to === 'F16', threads: 1, environment: childEnvironment() },
  })
  return model
}

/** Whole windows in one batch each, probabilities summed one by one in double precision: nothing of the scheduler, no log-sum-exp of ggml. */
async function independentPerplexity(path: string, text: string): Promise<number> {
  const engine = await TestEngine.load(path)
  try {
    const { vocabulary } = engine.model
    const context = engine.context({ streams: 1, contextLength: windowTokens, outputs: windowTokens })
    const tokens = Array.from(vocabulary.tokenize(text, { addSpecial: true }))
    let total = 0
    let count = 0
    for (let start = 0; start + windowTokens <= tokens.length; start += windowTokens) {
      const window = tokens.slice(start, start + windowTokens)
      if (vocabulary.addsBeginOfSequence && vocabulary.beginOfSequence !== undefined)
        window[0] = vocabulary.beginOfSequence
      context.clear(0)
      context.batch.clear()
      const rows = window.map((token, place) => context.batch.add(token, place, 0, true))
      assert.equal(await context.decode(), 'done')
      for (let place = windowTokens / 2; place < windowTokens - 1; place += 1) {
        const logits = context.logits(rows[place] ?? 0)
        let most = Number.NEGATIVE_INFINITY
        for (const logit of logits) most = Math.max(most, logit)
        let sum = 0
        for (const logit of logits) sum += Math.exp(logit - most)
        total += Math.log(sum) - ((logits[window[place + 1] ?? 0] ?? 0) - most)
        count += 1
      }
    }
    return Math.exp(total / count)
  } finally {
    engine.free()
  }
}

function report(
  records: readonly QualityRecord[],
  { name, again }: { readonly name: string; readonly again: number },
): string {
  const [, reference] = records
  const base = reference?.perplexity ?? 1
  const rows = records.map((record) => {
    const change = `${(100 * (record.perplexity / base - 1)).toFixed(2)} %`
    const megabytes = (record.sizeBytes / 1e6).toFixed(1)
    const perplexity = `${record.perplexity.toFixed(4)} ± ${record.perplexityError.toFixed(2)}`
    return `| ${record.quantisation} | ${megabytes} | ${perplexity} | ${change} | ${record.tokensPerSecond.toFixed(1)} |`
  })
  const { tokens = 0, textSha256 = '' } = reference ?? {}
  return `SmolLM2 135M Instruct as it is pulled (Q4_1), dequantised to F16 as the reference, and what \`galerne quantize\` makes of that F16.
Text: ${name}, sha256 \`${textSha256}\`, ${tokens} tokens scored, in windows of ${windowTokens} of which the second half counts
(\`measurePerplexity\` has the formula; it is llama-perplexity's).

| quantisation | MB | perplexity | to F16 | tokens/s of one answer |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

The perplexity of the F16 file computed another way (whole windows in one batch straight from the library's logits, probabilities summed
one by one in double precision): **${again.toFixed(4)}**, beside ${base.toFixed(4)}: ${apart(again, base)}.
The F16 file holds the numbers of Q4_1 exactly: what differs between the two rows is the engine's arithmetic, which rounds activations to
8 bits for quantised weights. 576 columns are no whole blocks of 256, so many tensors of Q4_K_M are Q5_0 and Q8_0 (llama.cpp's fallback).
`
}

function apart(one: number, other: number): string {
  return `${(100 * Math.abs(one / other - 1)).toFixed(4)} % apart`
}
