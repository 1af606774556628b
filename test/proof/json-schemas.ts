// Proof: how 300 real JSON Schemas are held, what it costs, and that 1,000 hostile ones end nothing. `npm run proof -- json-schemas`.

import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { systemClock } from '../../src/base/clock.ts'
import { Failure } from '../../src/base/errors.ts'
import { Guidance } from '../../src/engine/child/guidance.ts'
import { type HeldSchema, Schemas } from '../../src/engine/child/schema.ts'
import { SchemaValidator } from '../../src/engine/child/schema-validator.ts'
import type { JsonSchema } from '../../src/wire/model.ts'
import { starterModel } from '../support/weights.ts'
import { Answers, repeatable, type StepTimes } from './json-schemas/answers.ts'
import { hostileSchemas } from './json-schemas/hostile-schemas.ts'
import { inSchemaOrder } from './json-schemas/property-order.ts'
import { readVocabulary } from './json-schemas/vocabulary.ts'

/** The benchmark's schemas with their instances, beside the repository; not part of it because its licences are not all known. */
export const benchmarkFile = new URL('../../../shared/data/evals/jsonschemabench/subset.jsonl', import.meta.url)

interface BenchmarkRow {
  readonly id: string
  readonly schema: JsonSchema
  readonly tests: readonly { readonly valid: boolean; readonly data: unknown }[]
}

/** What was found; the properties that must hold are checked before it is returned. */
export interface Findings {
  readonly byGrammar: number
  readonly byValidation: number
  readonly refused: readonly string[]
  /** As written, or with the properties in the schema's order. */
  readonly validAccepted: number
  readonly validAcceptedAsWritten: number
  readonly valid: number
  readonly invalidAccepted: readonly string[]
  readonly invalid: number
  readonly inventedOpen: readonly string[]
  readonly invented: number
  readonly decisionMs: readonly number[]
  readonly compileMs: readonly number[]
  readonly times: StepTimes
}

interface Workplace {
  readonly guidance: Guidance
  readonly schemas: Schemas
  readonly validator: SchemaValidator
  readonly answers: Answers
}

async function withWorkplace<T>(work: (place: Workplace) => Promise<T>): Promise<T> {
  const vocabulary = await readVocabulary(await starterModel())
  const guidance = Guidance.start(vocabulary)
  const place = {
    guidance,
    schemas: new Schemas(guidance),
    validator: new SchemaValidator(),
    answers: new Answers(vocabulary),
  }
  try {
    // The threads start with the first schema; that time is the model's and no schema's.
    await place.schemas.hold({ type: 'object' }, 'warm')
    return await work(place)
  } finally {
    await Promise.all([guidance.stop(), place.schemas.stop(), place.validator.stop()])
  }
}

/** Holds every `each`-th schema of the benchmark and tries its instances, and answers made up from its grammar. */
export async function holdBenchmark(each: number): Promise<Findings> {
  const lines = (await readFile(benchmarkFile, 'utf8')).trim().split('\n')
  const rows = lines.filter((_, index) => index % each === 0).map((line): BenchmarkRow => JSON.parse(line))
  return withWorkplace(async (place) => {
    const found = {
      byGrammar: 0,
      byValidation: 0,
      refused: [] as string[],
      validAccepted: 0,
      validAcceptedAsWritten: 0,
      valid: 0,
      invalidAccepted: [] as string[],
      invalid: 0,
      inventedOpen: [] as string[],
      invented: 0,
      decisionMs: [] as number[],
      compileMs: [] as number[],
      times: { maskAndAccept: [], testAndAccept: [] } satisfies StepTimes as StepTimes,
    }
    for (const row of rows) {
      const start = systemClock.elapsed()
      const held = await place.schemas.hold(row.schema, 'schema').catch((error: unknown) => error)
      found.decisionMs.push(systemClock.elapsed() - start)
      if (held instanceof Failure && held.status === 400) found.refused.push(`${row.id}: ${held.message}`)
      else if (held instanceof Error) throw held
      else await tryRow(place, row, held as HeldSchema, found)
    }
    return found
  })
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] }

async function accepts(place: Workplace, held: HeldSchema, text: string, times: StepTimes): Promise<boolean> {
  return place.answers.accepts(held.grammar, text, times) && (await held.validate?.(text)) === undefined
}

async function tryRow(place: Workplace, row: BenchmarkRow, held: HeldSchema, found: Mutable<Findings>): Promise<void> {
  if (held.validate === undefined) found.byGrammar++
  else found.byValidation++
  const start = systemClock.elapsed()
  held.grammar.matcher().mask()
  found.compileMs.push(systemClock.elapsed() - start)
  for (const { valid, data } of row.tests) {
    const written = JSON.stringify(data)
    const asWritten = await accepts(place, held, written, found.times)
    const accepted =
      asWritten || (await accepts(place, held, JSON.stringify(inSchemaOrder(row.schema, data)), found.times))
    if (valid && asWritten) found.validAcceptedAsWritten++
    if (valid) {
      found.valid++
      if (accepted) found.validAccepted++
    } else {
      found.invalid++
      if (accepted) found.invalidAccepted.push(`${row.id}: ${written.slice(0, 200)}`)
    }
  }
  if (held.validate !== undefined) return
  const { answers, complete } = await openAnswers(place, row.schema, held, found.byGrammar)
  found.invented += complete
  found.inventedOpen.push(...answers.map((answer) => `${row.id}: ${answer}`))
}

/** Makes up answers that the grammar alone allows; those that Ajv finds wrong are returned. */
async function openAnswers(place: Workplace, schema: JsonSchema, held: HeldSchema, seed: number) {
  const random = repeatable(seed)
  const answers: string[] = []
  let complete = 0
  for (let attempt = 0; attempt < 4; attempt++) {
    const text = place.answers.invent(held.grammar, random, 400)
    if (text === undefined) continue
    complete++
    const fault = await place.validator.fault(JSON.stringify(schema), text)
    if (fault !== undefined) answers.push(`${text.slice(0, 300)} (${fault})`)
  }
  return { answers, complete }
}

/** What became of the hostile schemas. */
export interface FuzzFindings {
  readonly runs: number
  readonly byGrammar: number
  readonly byValidation: number
  readonly refused: number
  readonly invented: number
  readonly inventedOpen: readonly string[]
  readonly slowestMs: number
}

/** Holds `runs` hostile schemas in this process; throws on anything but a decision or a 400, and when the process does not work afterwards. */
export async function holdHostile(runs: number): Promise<FuzzFindings> {
  return withWorkplace(async (place) => {
    const found = {
      runs,
      byGrammar: 0,
      byValidation: 0,
      refused: 0,
      invented: 0,
      inventedOpen: [] as string[],
      slowestMs: 0,
    }
    for (const [index, schema] of fc.sample(hostileSchemas, { numRuns: runs, seed: 6420 }).entries()) {
      const start = systemClock.elapsed()
      try {
        const held = await place.schemas.hold(schema, 'schema')
        if (held.validate === undefined) found.byGrammar++
        else found.byValidation++
        const { answers, complete } = await inventGuarded(place, schema, held, index)
        found.invented += complete
        if (held.validate === undefined) found.inventedOpen.push(...answers)
      } catch (error) {
        if (!(error instanceof Failure) || error.status !== 400) {
          throw new Error(`schema ${index} gave no 400: ${JSON.stringify(schema).slice(0, 500)}`, { cause: error })
        }
        found.refused++
      }
      found.slowestMs = Math.max(found.slowestMs, systemClock.elapsed() - start)
    }
    const after = await place.schemas.hold({ type: 'array', items: { type: 'boolean' } }, 'schema')
    if (!place.answers.accepts(after.grammar, '[true,false]'))
      throw new Error('a plain schema fails after the hostile ones')
    return found
  })
}

/** Following a hostile grammar may end in `grammar_failed`, which is a 400 too. */
async function inventGuarded(place: Workplace, schema: JsonSchema, held: HeldSchema, seed: number) {
  try {
    return await openAnswers(place, schema, held, seed)
  } catch (error) {
    if (error instanceof Failure && error.code === 'grammar_failed') return { answers: [], complete: 0 }
    throw error
  }
}

function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? 0
}

function report(found: Findings, fuzz: FuzzFindings): string {
  const total = found.byGrammar + found.byValidation + found.refused.length
  const spread = (values: readonly number[], digits: number) =>
    `${quantile(values, 0.5).toFixed(digits)} / ${quantile(values, 0.99).toFixed(digits)} ms`
  const rows = [
    ['held by grammar alone', `${found.byGrammar} of ${total}`],
    ['held by grammar and validation', `${found.byValidation} of ${total}`],
    ['refused with 400', `${found.refused.length} of ${total}`],
    [
      'valid instances accepted, as written or with the properties in the order of the schema',
      `${found.validAccepted} of ${found.valid} (as written: ${found.validAcceptedAsWritten})`,
    ],
    ['invalid instances rejected', `${found.invalid - found.invalidAccepted.length} of ${found.invalid}`],
    [
      'answers made up from the grammars alone that Ajv finds valid',
      `${found.invented - found.inventedOpen.length} of ${found.invented}`,
    ],
    ['decision (Ajv, compiling thread), p50 / p99', spread(found.decisionMs, 1)],
    ['compile in the engine process and first mask, p50 / p99', spread(found.compileMs, 1)],
    ['mask + accept a token, p50 / p99', spread(found.times.maskAndAccept, 3)],
    ['test one token + accept, p50 / p99', spread(found.times.testAndAccept, 3)],
    [
      `${fuzz.runs} hostile schemas`,
      `${fuzz.byGrammar} by grammar, ${fuzz.byValidation} by grammar and validation, ${fuzz.refused} refused with 400, 0 processes ended`,
    ],
    [
      'answers made up from hostile grammars that Ajv finds valid',
      `${fuzz.invented - fuzz.inventedOpen.length} of ${fuzz.invented}`,
    ],
    ['slowest hostile schema', `${Math.round(fuzz.slowestMs)} ms`],
  ]
  return [
    'JSON Schemas of jsonschemabench, SmolLM2 (49,152 tokens), llguidance 1.9.1 in WebAssembly.',
    '',
    '| what | found |',
    '| --- | --- |',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
    "A grammar takes named properties in the schema's order only, and with `anyOf` and the like each branch has its own: a model that is held to it",
    'writes the order that it allows. Two valid instances rely on draft 7 ignoring what stands beside a `$ref`; here it counts, as in newer drafts.',
    '',
    'Refused:',
    '',
    ...found.refused.map((line) => `- ${line}`),
  ].join('\n')
}

/** The properties that must hold for every part of the benchmark. @throws Error with what does not */
export function assertFindings(found: Findings): void {
  const total = found.byGrammar + found.byValidation + found.refused.length
  const problems = [
    ...found.invalidAccepted.map((line) => `an invalid instance is accepted: ${line}`),
    ...found.inventedOpen.map((line) => `the grammar allows what the schema does not: ${line}`),
  ]
  if (found.byGrammar + found.byValidation < total * 0.95)
    problems.push(`held: only ${total - found.refused.length} of ${total}`)
  if (found.byGrammar < total * (265 / 300)) problems.push(`held by grammar alone: only ${found.byGrammar} of ${total}`)
  if (problems.length > 0) throw new Error(problems.join('\n'))
}

/** The proof; `whole` takes all schemas and holds the speed to its bar. */
export async function run({ whole }: { readonly whole: boolean }): Promise<string> {
  const found = await holdBenchmark(whole ? 1 : 10)
  assertFindings(found)
  const fuzz = await holdHostile(whole ? 1_000 : 100)
  if (fuzz.inventedOpen.length > 0) throw new Error(`hostile schemas failing open:\n${fuzz.inventedOpen.join('\n')}`)
  const median = quantile(found.times.maskAndAccept, 0.5)
  if (whole && median > 0.05) throw new Error(`a token costs ${median.toFixed(3)} ms at the median, 0.05 is the bar`)
  return report(found, fuzz)
}
