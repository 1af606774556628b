// Proves what users meet while PostgreSQL is away for a minute under load: 503 database_unavailable, nothing served uncounted, recovery by itself.

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { withoutOwnPostgres } from '../support/postgres.ts'
import { assertNothingLost, untilItWrites } from './kills/recovery.ts'
import { setStage } from './kills/stage.ts'
import { type Answer, countOutcomes, startWriteLoad } from './kills/write-load.ts'

const clients = 8

/** How PostgreSQL goes away: every process killed, or every process held still, as when the network is cut in silence. */
const ways = ['killed', 'silent'] as const

/** Seconds in the tests. In silence a request waits for up to 12 s before it is refused. */
const shortened = { killed: 3, silent: 16 } as const

/** Takes it away for 60 s each way; returns a Markdown table. */
export async function run({ whole }: { whole: boolean }): Promise<string> {
  if (withoutOwnPostgres !== false) return `Left out: ${withoutOwnPostgres}.`
  const rows: string[] = []
  for (const way of ways) rows.push(await takeAway(way, whole ? 60 : shortened[way]))
  return [
    `${clients} clients make keys, revoke them and chat without pause. A call that was answered with 200 at any time must have its usage row at`,
    'the end. In silence answers count from the sixth second on: until then a node may not know, and a call that had begun may end.',
    '',
    '| PostgreSQL | for | answers while it was away | longest of them | writes again after | answers over all | calls without a row |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

async function takeAway(way: (typeof ways)[number], seconds: number): Promise<string> {
  const stage = await setStage('postgres')
  const { postgres } = stage
  assert.ok(postgres)
  const load = startWriteLoad(() => stage, clients)
  try {
    await untilItWrites(stage, load)
    await (way === 'killed' ? postgres.kill() : postgres.hold())
    const gone = systemClock.elapsed()
    await delay(seconds * 1000)
    const back = systemClock.elapsed()
    await (way === 'killed' ? postgres.restart() : postgres.resume())
    const recovery = await untilItWrites(stage, load)
    await load.stop()
    // Killed: whoever asked afterwards. In silence: whoever was answered once it could be known.
    const meanwhile = load.answers.filter(({ begun, tookMs }) => {
      const ended = begun + tookMs
      return ended < back && (way === 'killed' ? begun > gone : ended > gone + noticeMs)
    })
    assertRefused(meanwhile)
    const silent = load.answers.filter(({ outcome }) => !/^(200|503 database_unavailable)$/.test(outcome))
    assert.deepEqual(silent, [])
    await assertNothingLost(stage, load, way)
    const longest = Math.max(0, ...meanwhile.map(({ tookMs }) => tookMs))
    const times = [`${seconds} s`, countOutcomes(meanwhile), inSeconds(longest), inSeconds(recovery)]
    return `| ${way} | ${times.join(' | ')} | ${countOutcomes(load.answers)} | 0 |`
  } finally {
    await load.stop()
    await stage.end()
  }
}

/** A silent peer is asked once a second and must answer within as long; a call that had begun before may end meanwhile. */
const noticeMs = 6_000

function assertRefused(answers: readonly Answer[]): void {
  assert.ok(answers.length > 0, 'nobody asked while it was away')
  assert.deepEqual(
    answers.filter(({ outcome }) => outcome !== '503 database_unavailable'),
    [],
  )
}

const inSeconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`
