// Writes the reference page of models from the catalogue: what each is, what it takes, and what is said of it elsewhere.
import { fit } from '../../src/engine/plan-fit.ts'
import { catalogueModels } from '../../src/features/models/catalogue.ts'
import type { CatalogueModel } from '../../src/features/models/catalogue-schema.ts'
import { viewModel } from '../../src/features/plans/catalogue-view.ts'
import { judgedEstimates } from '../../src/features/plans/estimates.ts'
import { findPlanned } from '../../src/features/plans/find.ts'

const gibibyte = 2 ** 30
const cards = [8, 16, 24, 48, 80] as const
const usualContext = 8192

/** `docs/reference/models.md`. */
export function modelsPage(): string {
  return `# Models

The models that have a name. \`galerne list --catalogue\` and \`galerne show <model>\` print the same; \`galerne plan <model>\` plans one for
your machine. Your own go into \`catalogue.yaml\` in the data folder, in the schema of \`src/features/models/catalogue-schema.ts\`.

Sizes are computed from each model's shapes and llama.cpp's mixes, to the byte as its loader and its quantiser count them
(\`docs/proof\`, plan-simulation). KV is f16; a token's KV is summed over all layers. Sizes are in GiB of 2³⁰ bytes where not said otherwise.

## What they are

${table(
  ['name', 'what it is', 'parameters', 'context', 'can', 'licence'],
  catalogueModels.map((model) => [
    `\`${model.name}\``,
    model.title,
    parameters(model),
    context(model),
    model.capabilities.join(', '),
    model.licence.forbids.length === 0 ? model.licence.name : `${model.licence.name} ¹`,
  ]),
)}

¹ It forbids something: \`galerne show\` says what, and \`galerne pull\` says it before the download.

## What they take

Weights in three quantisations, KV of a token, and the whole (weights, KV, compute, output, overhead) in the usual quantisation for one
user of ${usualContext.toLocaleString('en-US')} tokens, or of the model's context where that is shorter.

${table(['name', '4 bits', '8 bits', '16 bits', 'KV of a token', `whole at ${usualContext}`], catalogueModels.map(takes))}

## Where they fit

The usual quantisation on one GPU with so many GiB free, 32 GiB of main memory beside it, for users of
${usualContext.toLocaleString('en-US')} tokens each: how many fit, or how many layers stay on the processor. GPUs are planned, not run: the split
follows llama.cpp's order, and no GPU was at hand to measure it on.

${table(['name', ...cards.map((card) => `${card} GiB`)], catalogueModels.map(fits))}

## Published sizes

Files whose size somebody published, beside what is computed. The rest of a file is its header, vocabulary and template: where exact sizes
are known, the same number of bytes in every quantisation of a model.

${table(['name', 'quantisation', 'published', 'tensors computed', 'difference', 'from'], publishedSizes())}

## Published scores

By their makers or others, never measured here. A model without one in this table has none that could be cited.

${table(['name', 'benchmark', 'score', 'from'], scores())}

## What is said elsewhere

Estimates that people meet, beside the plan: that many bits in llama.cpp's mix, one user, KV in f16 for the context that is named
(4,096 tokens where none is), on the processor. GB of 10⁹ bytes.

${table(
  ['name', 'said', 'from', 'weights at exactly so many bits', 'plan', 'why they differ'],
  judgedEstimates().map(
    ({ model, gigabytes, bits, context: share, from, weights, mix, planned, reason, impossible }) => [
      `\`${model}\``,
      `${gigabytes} GB at ${bits} bits${share > 0 ? `, ${share === 1 ? 'whole' : `1/${1 / share} of the`} context` : ''}`,
      from,
      weights.toFixed(1),
      `${planned.toFixed(1)} (${mix})`,
      impossible ? `**${reason}**` : reason,
    ],
  ),
)}

## Where it is from

${table(
  ['name', 'sources of its facts', 'remarks'],
  catalogueModels.map((model) => [
    `\`${model.name}\``,
    model.from.map(({ source, date }) => `${source} (${date})`).join('; '),
    (model.notes ?? []).join(' '),
  ]),
)}
`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function parameters({ parameters: { total, active } }: CatalogueModel): string {
  const shown = (count: number) => (count < 1e9 ? `${Math.round(count / 1e6)} M` : `${(count / 1e9).toFixed(2)} B`)
  return total === active ? shown(total) : `${shown(total)}, ${shown(active)} active`
}

function context({ contextLength, claimedContextLength: claimed }: CatalogueModel): string {
  const own = contextLength.toLocaleString('en-US')
  return claimed === undefined ? own : `${own} (claimed ${claimed.toLocaleString('en-US')})`
}

function takes(model: CatalogueModel): string[] {
  const { name, contextLength, files } = model
  const weights = (quantisation: string) => size(findPlanned(name, { quantisation }).header.tensorBytes)
  const devices = [{ name: 'processor', kind: 'cpu', availableBytes: 2 ** 50 }] as const
  const wishes = { contextLength: Math.min(usualContext, contextLength), users: 1, kvType: 'f16' } as const
  const { devices: placed } = fit(findPlanned(name).header, devices, wishes)
  const view = viewModel(model)
  const perToken = view.kv_bytes_per_token / 1024
  const kept = [
    ...(perToken > 0 ? [`${perToken} KiB`] : []),
    ...(view.state_bytes > 0 ? [`state of ${size(view.state_bytes)}, whatever the context`] : []),
  ]
  return [
    `\`${name}\``,
    weights('Q4_K_M'),
    weights('Q8_0'),
    weights('BF16'),
    kept.join(' + ') || 'none',
    `${size(placed[0]?.totalBytes ?? 0)} (${files[0]?.quantisation ?? ''})`,
  ]
}

function fits({ name, contextLength }: CatalogueModel): string[] {
  const { header } = findPlanned(name)
  const wishes = { contextLength: Math.min(usualContext, contextLength), users: 1, kvType: 'f16' } as const
  return [
    `\`${name}\``,
    ...cards.map((card) => {
      const devices = [
        { name: 'GPU', kind: 'gpu', availableBytes: card * gibibyte },
        { name: 'processor', kind: 'cpu', availableBytes: 32 * gibibyte },
      ] as const
      const answer = fit(header, devices, wishes)
      if (answer.verdict === 'does-not-fit') return '–'
      if (answer.verdict === 'fits-with-layers-on-cpu') return `${answer.layersOnCpu} layers on the processor`
      if (answer.verdict === 'fits-with-less-context') return `${answer.maxContext.toLocaleString('en-US')} tokens`
      return `${answer.maxUsers} users`
    }),
  ]
}

function publishedSizes(): string[][] {
  return catalogueModels.flatMap((model) =>
    viewModel(model).files.flatMap((file) => {
      const { quantisation, published, bytes, weights_bytes: computed } = file
      const said = bytes ?? (published === undefined ? undefined : Math.round(published.gigabytes * 1e9))
      if (said === undefined) return []
      return [
        [
          `\`${model.name}\``,
          quantisation,
          isExact(said) ? `${said.toLocaleString('en-US')} bytes` : `${published?.gigabytes} GB`,
          `${computed.toLocaleString('en-US')} bytes`,
          `${((100 * (computed - said)) / said).toFixed(1)} %`,
          published === undefined ? 'the file' : `${published.from.source} (${published.from.date})`,
        ],
      ]
    }),
  )
}

/** A size that is no round number of millions was told to the byte. */
const isExact = (bytes: number): boolean => bytes % 1e6 !== 0

function scores(): string[][] {
  return catalogueModels.flatMap(({ name, scores: list }) =>
    list.map(({ benchmark, value, unit = '', from }) => [
      `\`${name}\``,
      benchmark,
      `${value}${unit}`,
      `${from.source} (${from.date})`,
    ]),
  )
}

function size(bytes: number): string {
  return bytes >= gibibyte / 2 ? `${(bytes / gibibyte).toFixed(2)} GiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
