// What a token costs on one's own machine: hardware and electricity per hour over the tokens it makes in one. Pure.

/** A machine and how fast the model runs on it. Money is whole units of a currency. */
export interface Machine {
  readonly hardwarePerHour: number
  readonly watts: number
  readonly electricityPerKwh: number
  /** The machine reading prompts, and writing answers, at full load: all streams together. */
  readonly inputTokensPerSecond: number
  readonly outputTokensPerSecond: number
}

/** Money per million tokens. Cached input costs no computing, so nothing. */
export function machineCost(machine: Machine): {
  readonly input: number
  readonly cached: number
  readonly output: number
} {
  const perSecond = (machine.hardwarePerHour + (machine.watts / 1000) * machine.electricityPerKwh) / 3600
  const perMillionAt = (tokensPerSecond: number) => (perSecond / tokensPerSecond) * 1_000_000
  return {
    input: perMillionAt(machine.inputTokensPerSecond),
    cached: 0,
    output: perMillionAt(machine.outputTokensPerSecond),
  }
}
