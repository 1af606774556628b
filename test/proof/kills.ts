// Proves that nothing acknowledged is lost: SIGKILL of the server on both databases, and of PostgreSQL under it, 50 times each while clients write.

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { withoutOwnPostgres } from '../support/postgres.ts'
import { assertNothingLost, untilItWrites } from './kills/recovery.ts'
import { setStage } from './kills/stage.ts'
import { countOutcomes, startWriteLoad } from './kills/write-load.ts'

const clients = 8
/** A kill comes this long after the last recovery, in milliseconds: while rows gather, while they are written, while keys are made. */
const betweenKills = { least: 100, most: 700 }

/** What is killed, and on which database. */
interface Campaign {
  readonly title: string
  readonly database: 'sqlite' | 'postgres'
  readonly victim: 'server' | 'postgres'
}

const campaigns: readonly Campaign[] = [
  { title: 'the server on SQLite', database: 'sqlite', victim: 'server' },
  { title: 'the server on PostgreSQL', database: 'postgres', victim: 'server' },
  { title: 'PostgreSQL', database: 'postgres', victim: 'postgres' },
]

/** Kills each 50 times (2 times when shortened); returns a Markdown table. Throws when something acknowledged is missing or does not add up. */
export async function run({ whole }: { whole: boolean }): Promise<string> {
  const rows: string[] = []
  for (const campaign of campaigns) {
    const left = campaign.database === 'postgres' && withoutOwnPostgres
    rows.push(left === false ? await fight(campaign, whole ? 50 : 2) : `| ${campaign.title} | left out: ${left} |`)
  }
  return [
    `${clients} clients make keys, revoke them and chat without pause; each SIGKILL comes 0.1 to 0.7 s after the recovery from the last one.`,
    'Acknowledged means: the whole answer with status 200 had arrived. Afterwards each is looked for in the database, the chain of the audit',
    'log is verified, and the sums of usage are compared with its rows. PostgreSQL waits for the disk at every commit.',
    '',
    '| killed | times | keys made | keys revoked | calls answered | missing | longest until it writes again, from the start of what was killed | answers |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

async function fight({ title, database, victim }: Campaign, kills: number): Promise<string> {
  const stage = await setStage(database)
  const load = startWriteLoad(() => stage, clients)
  let slowest = 0
  try {
    for (let kill = 0; kill < kills; kill++) {
      await delay(betweenKills.least + Math.random() * (betweenKills.most - betweenKills.least))
      await (victim === 'server' ? stage.killServer() : stage.postgres?.kill())
      await (victim === 'server' ? stage.startServer() : stage.postgres?.restart())
      slowest = Math.max(slowest, await untilItWrites(stage, load))
    }
    await load.stop()
    await assertNothingLost(stage, load, title)
  } finally {
    await load.stop()
    await stage.end()
  }
  const { acknowledged, answers } = load
  const expected = /^(200|cut|503 (database_unavailable|server_stopping|engine_failed))$/
  assert.deepEqual(
    answers.filter(({ outcome }) => !expected.test(outcome)),
    [],
    title,
  )
  const { made, revoked, calls } = acknowledged
  const counts = [kills, made.size, revoked.size, calls.size, 0, `${(slowest / 1000).toFixed(1)} s`]
  return `| ${title} | ${counts.join(' | ')} | ${countOutcomes(answers)} |`
}
