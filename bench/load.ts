// Sends bounded streamed completions over HTTP from a number of clients at once and measures what a client sees.
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { createParser } from 'eventsource-parser'
import { cpuMs } from './cpu-time.ts'

/** Where to send, and what both servers call the model. */
export interface Target {
  readonly name: string
  readonly url: string
  readonly key: string
  readonly model: string
  /** Whether calls share connections, as every vendor's client does it; else each opens its own. */
  readonly keepsConnections?: boolean
  /** Whose time on the cores is counted, with all processes under it. */
  readonly processId?: number | undefined
}

/** What one request saw; times in milliseconds. */
export interface Sample {
  readonly firstTokenMs: number
  readonly totalMs: number
  readonly promptTokens: number
  readonly completionTokens: number
}

/** What one round of requests saw. */
export interface Round {
  readonly samples: readonly Sample[]
  /** Completion tokens of all requests per second of wall time. */
  readonly tokensPerSecond: number
  /** Time on the cores per completion token, the server's processes together; NaN where it cannot be read. */
  readonly cpuMsPerToken: number
}

/**
 * One streamed completion of exactly `newTokens` tokens: both vendors' switches against an early end are sent, each server takes its own.
 * By Node's own client and not by `fetch`, which adds 0.8 ms to a call on the same cores (measured), and that is nobody's server.
 */
export async function complete(target: Target, prompt: string, newTokens: number): Promise<Sample> {
  const started = performance.now()
  const response = await post(target, {
    model: target.model,
    prompt,
    max_tokens: newTokens,
    min_tokens: newTokens,
    ignore_eos: true,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  })
  response.setEncoding('utf8')
  if (response.statusCode !== 200) {
    throw new Error(`${target.name} answered ${response.statusCode}: ${(await response.toArray()).join('')}`)
  }
  let firstTokenMs = 0
  let usage = { prompt_tokens: 0, completion_tokens: 0 }
  const parser = createParser({
    onEvent(event) {
      if (event.data === '[DONE]') return
      const frame = JSON.parse(event.data) as { choices?: { text?: string }[]; usage?: typeof usage | null }
      if (firstTokenMs === 0 && frame.choices?.[0]?.text) firstTokenMs = performance.now() - started
      if (frame.usage) usage = frame.usage
    },
  })
  response.on('data', (text: string) => parser.feed(text))
  await once(response, 'end')
  return {
    firstTokenMs,
    totalMs: performance.now() - started,
    promptTokens: usage.prompt_tokens,
    completionTokens: usage.completion_tokens,
  }
}

const kept = new Agent({ keepAlive: true })

async function post(target: Target, body: object): Promise<IncomingMessage> {
  const text = JSON.stringify(body)
  const headers = {
    authorization: `Bearer ${target.key}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  }
  // Else a connection of its own: llama-server closes idle ones after 5 s and holds a thread for each till then, which fails calls at 16 clients.
  const agent = target.keepsConnections === true ? kept : false
  const sent = request(`${target.url}/v1/completions`, { method: 'POST', headers, agent })
  sent.end(text)
  const [response] = (await once(sent, 'response').catch((cause: unknown) => {
    throw new Error(`${target.name} did not answer`, { cause })
  })) as [IncomingMessage]
  return response
}

/** Runs `prompts` through `clients` clients, each taking the next prompt when its last answer ends. */
export async function runRound(
  target: Target,
  prompts: readonly string[],
  clients: number,
  newTokens: number,
): Promise<Round> {
  const waiting = [...prompts]
  const samples: Sample[] = []
  const cpuBefore = cpuMs(target.processId)
  const started = performance.now()
  const client = async (): Promise<void> => {
    for (let prompt = waiting.shift(); prompt !== undefined; prompt = waiting.shift()) {
      samples.push(await complete(target, prompt, newTokens))
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const seconds = (performance.now() - started) / 1000
  const tokens = samples.reduce((sum, sample) => sum + sample.completionTokens, 0)
  return { samples, tokensPerSecond: tokens / seconds, cpuMsPerToken: (cpuMs(target.processId) - cpuBefore) / tokens }
}

/** The value below which a fraction `q` (0–1) of the values lie; nearest rank. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN
}
