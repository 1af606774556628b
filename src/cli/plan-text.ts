// Words a plan for a terminal: the terms with their formulas, the devices, the verdict. Knows no command.
import type { PlanReport, ReportedDevice } from '../features/plans/report.ts'
import { table } from './terminal.ts'

/** The plan in lines. */
export function planText(plan: PlanReport): string {
  const { details } = plan
  const parts = [head(plan), table(terms(plan)), table(devices(plan)), verdict(plan), ...speed(plan)]
  return [...parts, ...details.notes.map((note) => `Note: ${note}`)].join('\n\n')
}

function head({ model, quantisation, context, users, details }: PlanReport): string {
  return `${model}, ${quantisation}: ${count(context)} tokens for ${users === 1 ? 'one user' : `${users} users`}, KV ${details.kv_type}`
}

function terms(plan: PlanReport): string[][] {
  const { formulas, margin_bytes: margin } = plan.details
  return [
    ['weights', size(plan.weights_bytes), formulas.weights],
    ['KV and state', size(plan.kv_bytes), formulas.kv],
    ['compute', size(plan.compute_bytes), formulas.compute],
    ['overhead', size(plan.overhead_bytes), `${formulas.overhead}; output is ${formulas.output}`],
    ['total', size(plan.total_bytes), ''],
    ['margin', size(margin), formulas.margin],
  ]
}

function devices({ devices: list }: PlanReport): string[][] {
  const row = (device: ReportedDevice) => [
    device.name,
    String(device.layers),
    size(device.total_bytes),
    size(device.available_bytes),
    device.fits ? 'fits' : `${size(device.total_bytes + device.margin_bytes - device.available_bytes)} too much`,
  ]
  return [['device', 'layers', 'takes', 'free', ''], ...list.map(row)]
}

function verdict(plan: PlanReport): string {
  const { max_context: context, max_users: users, details } = plan
  const most = `At most ${count(context)} tokens for ${plan.users === 1 ? 'one user' : `${plan.users} users`}, or ${users} users of ${count(plan.context)} tokens.`
  const onCpu = `${details.layers_on_cpu} layers on the processor`
  switch (plan.verdict) {
    case 'fits':
      return `It fits. ${most}`
    case 'fits-with-less-context':
      return `It fits with less context: ${count(context)} tokens${details.layers_on_cpu > 0 && plan.devices.length > 1 ? ` and ${onCpu}` : ''} instead of ${count(plan.context)}.`
    case 'fits-with-layers-on-cpu':
      return `It fits with ${onCpu}, and is slower for it. ${most}`
    case 'does-not-fit':
      return 'It does not fit. Choose a smaller quantisation (--quant), a shorter context (--context) or a smaller model.'
  }
}

function speed({ details, users, devices: list }: PlanReport): string[] {
  if (details.speed === null) return ['Speed: give --bandwidth, how many GB a second a GPU reads, for an estimate.']
  const { tokens_per_second: one, tokens_per_second_of_all: all, bytes_per_token: bytes } = details.speed
  const { cpu_bytes_per_second: cpu, gpu_bytes_per_second: gpu } = details.speed
  const used = (kind: 'cpu' | 'gpu') => list.some((device) => device.kind === kind && device.layers > 0)
  const rates = [
    ...(used('gpu') ? [`a GPU's memory gives ${rate(gpu)}`] : []),
    ...(used('cpu') ? [`main memory gives ${rate(cpu)}`] : []),
  ]
  const together = users > 1 ? `, ${all} for ${users} users together` : ''
  const cost = details.cost_per_million_nano
  const price =
    cost === null ? [] : [`Cost: ${(Number(cost) / 1e9).toFixed(2)} for a million tokens when it never idles.`]
  return [
    `Speed: at most ${one} tokens a second for one user${together}: a token reads ${size(bytes)}, and ${rates.join(', ')}.`,
    ...price,
  ]
}

const rate = (bytes: number | null): string => (bytes === null ? 'an unknown rate' : `${(bytes / 1e9).toFixed(1)} GB/s`)

function size(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(2)} GiB`
  return `${Math.max(0, Math.ceil(bytes / 2 ** 20))} MiB`
}

const count = (value: number): string => value.toLocaleString('en-US')
