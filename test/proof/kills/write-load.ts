// Clients that write through the API without pause and note what was acknowledged: keys made and revoked, calls answered. Knows no database.

import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../../src/base/clock.ts'

/** What the server has said yes to. A client that was cut off has heard nothing, so nothing is noted. */
export interface Acknowledged {
  /** Ids of keys. */
  readonly made: Set<string>
  readonly revoked: Set<string>
  /** Ids of requests whose whole answer arrived. */
  readonly calls: Set<string>
}

/** One answer. Times are milliseconds on the monotonic clock. */
export interface Answer {
  readonly begun: number
  readonly tookMs: number
  /** `200`, `503 database_unavailable`, `cut`. */
  readonly outcome: string
}

/** How often each kind of answer came, for people: `56 × 200, 826 × 503 database_unavailable`. */
export function countOutcomes(answers: readonly Answer[]): string {
  const counts = new Map<string, number>()
  for (const { outcome } of answers) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  return [...counts]
    .sort()
    .map(([outcome, count]) => `${count} × ${outcome}`)
    .join(', ')
}

/** Running clients. */
export interface WriteLoad {
  readonly acknowledged: Acknowledged
  /** Every answer in the order of their ends. */
  readonly answers: readonly Answer[]
  /** Resolves once every client has had its last answer. */
  stop(): Promise<void>
}

/** A client that was refused or cut off tries again after this long, in milliseconds. */
const retryMs = 20

/** Starts `clients` of them; `where` names the server's address at the moment. */
export function startWriteLoad(
  where: () => { readonly url: string; readonly key: string },
  clients: number,
): WriteLoad {
  const acknowledged: Acknowledged = { made: new Set(), revoked: new Set(), calls: new Set() }
  const answers: Answer[] = []
  const stopped = new AbortController()

  const send = async (method: string, path: string, body?: unknown) => {
    const { url, key } = where()
    const begun = systemClock.elapsed()
    const note = (outcome: string) => answers.push({ begun, tookMs: systemClock.elapsed() - begun, outcome })
    try {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(60_000),
      })
      const content = (await answer.json()) as { id?: string; error?: { code?: string } }
      note(answer.status === 200 ? '200' : `${answer.status} ${content.error?.code}`)
      if (answer.status === 200) return { id: content.id ?? '', request: answer.headers.get('x-request-id') ?? '' }
    } catch {
      note('cut')
    }
    await delay(retryMs)
    return undefined
  }
  const client = async (index: number) => {
    const own: string[] = []
    for (let turn = index; !stopped.signal.aborted; turn++) {
      if (turn % 4 === 0) {
        const made = await send('POST', '/galerne/v1/keys', { name: `client ${index}` })
        if (made === undefined) continue
        acknowledged.made.add(made.id)
        own.push(made.id)
      } else if (turn % 8 === 7 && own[0] !== undefined) {
        const revoked = await send('DELETE', `/galerne/v1/keys/${own[0]}`)
        if (revoked === undefined) continue
        acknowledged.revoked.add(own[0])
        own.shift()
      } else {
        const messages = [{ role: 'user', content: `turn ${turn}` }]
        const answered = await send('POST', '/v1/chat/completions', { model: 'tiny', messages, max_tokens: 4 })
        if (answered !== undefined) acknowledged.calls.add(answered.request)
      }
    }
  }
  const running = Array.from({ length: clients }, (_, index) => client(index))
  return {
    acknowledged,
    answers,
    async stop() {
      stopped.abort()
      await Promise.all(running)
    },
  }
}
