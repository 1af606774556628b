// `galerne plan`: says before any download, and without a server, whether a model fits, for whom, and how fast it can be.
import type { Command } from 'commander'
import { type Config, childEnvironment, processEnvironment } from '../../base/config.ts'
import { createEgress } from '../../base/egress.ts'
import { fail } from '../../base/errors.ts'
import { measureBandwidth } from '../../engine/bandwidth.ts'
import { readDevices } from '../../engine/devices.ts'
import { correctionKey } from '../../engine/plan-correct.ts'
import { planDevices } from '../../engine/plan-devices.ts'
import type { Device } from '../../engine/plan-fit.ts'
import { readMachine } from '../../engine/plan-machine.ts'
import { loadCatalogue } from '../../features/models/catalogue-own.ts'
import { pullOptions } from '../../features/models/served.ts'
import { openCorrections } from '../../features/plans/corrections.ts'
import { impossibleClaims } from '../../features/plans/estimates.ts'
import { findPlanned } from '../../features/plans/find.ts'
import { findRemote, isRemote } from '../../features/plans/remote.ts'
import { type PlannedModel, planReport } from '../../features/plans/report.ts'
import { parseByteList, parseBytes, parseCount, parseDecimal, parseNano } from '../numbers.ts'
import { planText } from '../plan-text.ts'
import { addJson, addSettings, configFrom } from '../settings.ts'
import { printResult } from '../terminal.ts'

interface PlanOptions {
  readonly quant?: string
  readonly context?: string
  readonly users?: string
  readonly vram?: string
  readonly ram?: string
  readonly bandwidth?: string
  readonly price?: string
  readonly json?: boolean
}

/** Adds the command. */
export function addPlanCommand(program: Command): void {
  const command = program
    .command('plan <model>')
    .summary('say whether a model fits, before it is fetched')
    .description(
      'Says what a model takes, term by term with its formula, whether it fits, for how long a context and how many users,\n' +
        'and how fast it can be. <model> is a name of the catalogue, the path of a GGUF file, or hf:…, ollama:… or an https\n' +
        'address, of which the first bytes are read. No weights are fetched or loaded.',
    )
    .option('--quant <name>', 'Quantisation, for example Q8_0; the first of the catalogue without it.')
    .option('--context <tokens>', "Tokens of one user's conversation; all that the model was made for without it.")
    .option('--users <number>', 'Users at once. (default: 1)')
    .option(
      '--vram <sizes>',
      "Memory of GPUs that is free, for example 24GiB,24GiB; this machine's without it and --ram.",
    )
    .option('--ram <size>', "Main memory that is free; this machine's without it.")
    .option('--bandwidth <number>', 'GB a second that a GPU reads, from its data sheet, for its speed.')
    .option('--price <amount>', 'What the machine costs in an hour, for the cost of a million tokens.')
    .action(async (model: string, options: PlanOptions) => await run(model, options))
  addJson(addSettings(command, ['home', 'kv-type', 'hub-url', 'hub-token', 'ollama-url']))
}

async function run(reference: string, options: PlanOptions): Promise<void> {
  const { config } = configFrom({ ...options })
  const model = await find(reference, options.quant, config)
  const { contextLength } = model
  const context =
    options.context === undefined ? contextLength : parseCount(options.context, 'context', 1, contextLength)
  const users = options.users === undefined ? 1 : parseCount(options.users, 'users', 1, 256)
  const price = options.price === undefined ? undefined : parseNano(options.price, 'price')
  const given = options.bandwidth === undefined ? undefined : parseDecimal(options.bandwidth, 'bandwidth') * 1e9
  const report = planReport(model, {
    contextLength: context,
    users,
    kvType: config.kvType ?? 'f16',
    devices: await devices(options),
    bandwidth: { cpu: await measureBandwidth(readMachine().cores), gpu: given },
    pricePerHour: price,
    correction: openCorrections(config.home).find(correctionKey(model.header)),
  })
  printResult(options.json, report, () => planText(report))
}

async function find(reference: string, quantisation: string | undefined, config: Config): Promise<PlannedModel> {
  if (!isRemote(reference)) {
    const model = findPlanned(reference, { quantisation, models: await loadCatalogue(config.home) })
    return { ...model, notes: [...model.notes, ...impossibleClaims(model.name)] }
  }
  if (quantisation !== undefined)
    throw fail('invalid_value', {
      param: 'quant',
      reason: 'a file has the quantisation that it has: name another file',
    })
  const egress = createEgress()
  try {
    return await findRemote(reference, await pullOptions(config, egress, processEnvironment()))
  } finally {
    await egress.close()
  }
}

/** The GPUs that were named, else those that the engine sees here, and main memory. */
async function devices({ vram, ram }: PlanOptions): Promise<readonly Device[]> {
  const available = ram === undefined ? readMachine().availableBytes : parseBytes(ram, 'ram')
  // Another machine's memory was named: what this one has beside it does not matter.
  if (vram === undefined && ram === undefined)
    return planDevices(await readDevices(childEnvironment()).catch(() => []), available)
  const gpus = vram === undefined ? [] : parseByteList(vram, 'vram')
  return [
    ...gpus.map((availableBytes, place) => ({ name: `GPU ${place}`, kind: 'gpu' as const, availableBytes })),
    { name: 'processor', kind: 'cpu', availableBytes: available },
  ]
}
