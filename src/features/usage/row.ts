// One call of a model as it is counted for money: everything but what was said.
import type { Currency, Price } from '../prices/price.ts'

/**
 * The workspace and key that shadow calls are counted under. Nobody's limit or budget holds for it and no workspace has this name: a
 * customer pays for the answer it got, the organisation sees in its own usage what the comparison costs.
 */
export const shadowName = 'shadow'

/** One call. Times are milliseconds, money nano-units of `currency`. */
export interface UsageRow {
  /** The call's id; a second row with the same one changes nothing. */
  readonly id: string
  /** A request may make several calls, a list of prompts for instance. */
  readonly requestId: string
  /** When the call began, milliseconds since 1970. */
  readonly at: number
  readonly workspace: string
  /** Id of the key, never its value. */
  readonly key: string
  /** The person who holds the key, and the end user whom the client named; null where there is none. */
  readonly member: string | null
  readonly endUser: string | null
  readonly operation: 'chat' | 'complete' | 'embed' | 'rank'
  readonly class: 'interactive' | 'batch'
  /** The model's own name, never an alias. */
  readonly model: string
  /** `local`, or the vendor. */
  readonly provider: string
  /** sha256 of the weights, when known. */
  readonly digest: string | null
  /** Where it ran: `model@engine-build` or the upstream's name; null where it did not begin. */
  readonly ranOn: string | null
  readonly promptTokens: number
  readonly cachedTokens: number
  readonly completionTokens: number
  readonly reasoningTokens: number
  /** The price row it was charged by; null where the model has no price, and then the cost is 0. */
  readonly price: Price | null
  readonly currency: Currency
  readonly cost: number
  readonly queueMs: number | null
  readonly firstTokenMs: number | null
  readonly durationMs: number
  /** `ok`, `abandoned` (its client left), or the code of the error that ended it. */
  readonly status: string
  /** Reasons of its choices, in order, joined by commas. */
  readonly finishReason: string | null
  /** The counts are what was reserved or seen, not what the model reported: the answer was cut off, or the server died. */
  readonly estimated: boolean
}

/** What was said, for workspaces that keep it: JSON of the messages or the prompt, and of the choices. Null: too large, or there is none. */
export interface UsageContent {
  readonly input: string | null
  readonly output: string | null
}

/** A row to write, with what was said where that is kept. */
export interface UsageRecord {
  readonly row: UsageRow
  readonly content?: UsageContent
}
