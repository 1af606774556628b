// Limits on the wire: how much is left, in the headers of both vendors. Pure.

/** One window of requests or tokens. */
export interface LimitWindow {
  readonly limit: number
  readonly remaining: number
  /** Milliseconds until it is full again. */
  readonly resetMs: number
  /** How long the window is. */
  readonly per: 'second' | 'minute' | 'month'
}

/** How a call's limits stand, the tightest of each kind; absent where there is none. */
export interface LimitState {
  readonly requests?: LimitWindow
  readonly tokens?: LimitWindow
  readonly monthlyTokens?: LimitWindow
  /** Tokens that this call is counted with. */
  readonly queryCost: number
}

/** Headers of an answer, api-surface §7: OpenAI's names, Mistral's, and Mistral's older ones. */
export function limitHeaders(state: LimitState | undefined): Record<string, string> {
  if (state === undefined) return {}
  const { requests, tokens, monthlyTokens, queryCost } = state
  const headers: Record<string, string> = {}
  if (requests !== undefined) {
    setOpenAi(headers, 'requests', requests)
    if (requests.per === 'minute') setMistral(headers, 'req-minute', requests)
  }
  if (tokens !== undefined) {
    setOpenAi(headers, 'tokens', tokens)
    setMistral(headers, 'tokens-minute', tokens)
    headers['x-ratelimit-tokens-query-cost'] = String(queryCost)
    headers['ratelimitbysize-limit'] = String(tokens.limit)
    headers['ratelimitbysize-remaining'] = String(tokens.remaining)
    headers['ratelimitbysize-reset'] = String(Math.ceil(tokens.resetMs / 1000))
    headers['ratelimitbysize-query-cost'] = String(queryCost)
    headers['x-ratelimitbysize-limit-minute'] = String(tokens.limit)
    headers['x-ratelimitbysize-remaining-minute'] = String(tokens.remaining)
  }
  if (monthlyTokens !== undefined) {
    setMistral(headers, 'tokens-month', monthlyTokens)
    headers['x-ratelimitbysize-limit-month'] = String(monthlyTokens.limit)
    headers['x-ratelimitbysize-remaining-month'] = String(monthlyTokens.remaining)
  }
  return headers
}

function setOpenAi(headers: Record<string, string>, what: string, { limit, remaining, resetMs }: LimitWindow): void {
  headers[`x-ratelimit-limit-${what}`] = String(limit)
  headers[`x-ratelimit-remaining-${what}`] = String(remaining)
  headers[`x-ratelimit-reset-${what}`] = durationText(resetMs)
}

function setMistral(headers: Record<string, string>, what: string, { limit, remaining }: LimitWindow): void {
  headers[`x-ratelimit-limit-${what}`] = String(limit)
  headers[`x-ratelimit-remaining-${what}`] = String(remaining)
}

/** As OpenAI writes it: `12ms`, `1.5s`, `6m0s`, `1h0m0s`. */
export function durationText(milliseconds: number): string {
  const rounded = Math.max(0, Math.ceil(milliseconds))
  if (rounded < 1000) return `${rounded}ms`
  const seconds = rounded / 1000
  if (seconds < 60) return `${Number(seconds.toFixed(3))}s`
  const whole = Math.ceil(seconds)
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  return hours > 0 ? `${hours}h${minutes}m${rest}s` : `${minutes}m${rest}s`
}

/** Headers as a failure carries them on: lines of `name: value`. */
export function headerLines(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
}

/** The inverse of `headerLines`. */
export function headersOf(lines: readonly string[]): Record<string, string> {
  const pairs = lines.map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)] as const)
  return Object.fromEntries(pairs)
}
