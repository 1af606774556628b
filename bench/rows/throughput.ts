// Rows 1 and 2: tokens per second at several numbers of clients, with a common prefix that is known or new and without one, Galerne and a peer in turn.
import { quantile, type Round, runRound, type Target } from '../load.ts'
import { promptWithoutSharedPrefix, promptWithSharedPrefix } from '../prompts.ts'

/**
 * What the prompts have in common. `known`: one prefix of about 540 tokens in all rounds, which a server may keep in every slot after a while;
 * `new`: each round brings its own, as a new document or system prompt does, so it is read once or once a slot; `none`: nothing.
 */
export type CommonPrefix = 'known' | 'new' | 'none'

/** How much to run. */
export interface ThroughputOptions {
  readonly levels: readonly number[]
  /** Rounds per level and server; the two take turns. */
  readonly rounds: number
  readonly promptsPerClient: number
  readonly newTokens: number
  readonly prefix: CommonPrefix
  readonly say: (line: string) => void
}

/** One level's result: medians over rounds. */
export interface ThroughputRow {
  readonly clients: number
  readonly ours: number
  readonly peer: number
  readonly ratio: number
  readonly oursFirstTokenMs: number
  readonly peerFirstTokenMs: number
  /** Time on the cores per completion token. */
  readonly oursCpuMs: number
  readonly peerCpuMs: number
}

/** Both servers get the same prompts in the same order; every prompt is new, so only the common prefix can be reused. */
export async function measureThroughput(
  ours: Target,
  peer: Target,
  options: ThroughputOptions,
): Promise<readonly ThroughputRow[]> {
  let seed = 1
  let prefix = 1
  const makePrompt = (): string =>
    // 513 and 45 words give about 540 and 43 tokens in SmolLM2's vocabulary: DESIGN's prompts of about 583 tokens.
    options.prefix === 'none' ? promptWithoutSharedPrefix(seed++, 550) : promptWithSharedPrefix(prefix, seed++, 513, 30)
  const warmUp = makePrompt()
  for (const target of [ours, peer]) await runRound(target, [warmUp], 1, 8)
  const rows: ThroughputRow[] = []
  for (const clients of options.levels) {
    const oursRounds: Round[] = []
    const peerRounds: Round[] = []
    for (let round = 0; round < options.rounds; round++) {
      if (options.prefix === 'new') prefix++
      const prompts = Array.from({ length: Math.max(3, clients * options.promptsPerClient) }, makePrompt)
      const pair: readonly (readonly [Target, Round[]])[] = [
        [ours, oursRounds],
        [peer, peerRounds],
      ]
      for (const [target, rounds] of round % 2 === 0 ? pair : pair.toReversed()) {
        rounds.push(await runRound(target, prompts, clients, options.newTokens))
      }
    }
    const row = summarise(clients, oursRounds, peerRounds)
    options.say(
      `${clients} clients: ${row.ours.toFixed(1)} against ${row.peer.toFixed(1)} tok/s, ${row.ratio.toFixed(2)} ×`,
    )
    rows.push(row)
  }
  return rows
}

function summarise(clients: number, ours: readonly Round[], peer: readonly Round[]): ThroughputRow {
  const speed = (rounds: readonly Round[]): number =>
    quantile(
      rounds.map((round) => round.tokensPerSecond),
      0.5,
    )
  const firstToken = (rounds: readonly Round[]): number =>
    quantile(
      rounds.flatMap((round) => round.samples.map((sample) => sample.firstTokenMs)),
      0.5,
    )
  const cpu = (rounds: readonly Round[]): number =>
    quantile(
      rounds.map((round) => round.cpuMsPerToken),
      0.5,
    )
  const ratios = ours.map((round, index) => round.tokensPerSecond / (peer[index]?.tokensPerSecond ?? Number.NaN))
  return {
    clients,
    ours: speed(ours),
    peer: speed(peer),
    ratio: quantile(ratios, 0.5),
    oursFirstTokenMs: firstToken(ours),
    peerFirstTokenMs: firstToken(peer),
    oursCpuMs: cpu(ours),
    peerCpuMs: cpu(peer),
  }
}
