// Jobs on every database: done once by many processes, taken over from the dead, retried, given back, never written by a late worker.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { describeOnDatabases, needsSessions } from '../../test/support/databases.ts'
import { until } from '../../test/support/until.ts'
import { systemClock } from '../base/clock.ts'
import { fail } from '../base/errors.ts'
import { createQueue, type Queue } from './queue.ts'
import type { JobTables } from './table.ts'
import { startWorker } from './worker.ts'

describeOnDatabases('the queue', (get) => {
  function open(time = 1_000): { queue: Queue; clock: { time: number } } {
    const { query, dialect } = get().database
    const clock = { time, now: () => clock.time, elapsed: () => clock.time }
    return {
      queue: createQueue({ query: query.$extendTables<JobTables>().$pickTables<'jobs'>(), dialect, clock }),
      clock,
    }
  }

  /** Another process that works on jobs of the kind; `handler` is the text of an async function of the job. */
  function workElsewhere(kind: string, handler: string, leaseMs: number): ChildProcess {
    const path = (file: string) => JSON.stringify(join(import.meta.dirname, file))
    const script = `
      import { connect } from ${path('../database/connect.ts')}
      import { systemClock as clock } from ${path('../base/clock.ts')}
      import { createQueue } from ${path('queue.ts')}
      import { startWorker } from ${path('worker.ts')}
      const database = await connect(${JSON.stringify(get().url)})
      const queue = createQueue({ query: database.query, dialect: database.dialect, clock })
      startWorker(queue, { kind: ${JSON.stringify(kind)}, leaseMs: ${leaseMs}, pollMs: 10, clock, handle: ${handler} })
      console.log('ready')`
    return spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  }

  test('the longest-waiting job comes first, and only to one', async () => {
    const { queue, clock } = open()
    const late = await queue.enqueue('order', 'b', { runAt: 2_000 })
    const early = await queue.enqueue('order', 'a')
    await queue.enqueue('another', 'c')
    const [one, two] = await Promise.all([queue.claim('order', 500), queue.claim('order', 500)])
    assert.deepEqual(
      [one, two].filter((job) => job !== undefined).map((job) => job.id),
      [early],
    )
    clock.time = 2_000
    const claimed = [await queue.claim('order', 9_999), await queue.claim('order', 9_999)]
    assert.deepEqual(claimed.map((job) => job?.subject).sort(), ['a', 'b'])
    assert.ok(claimed.some((job) => job?.id === late))
  })

  test('a lease that runs out gives the job to another worker, and the first one can no longer write', async () => {
    const { queue, clock } = open()
    const id = await queue.enqueue('lapse', 'x')
    const first = await queue.claim('lapse', 100)
    clock.time = 1_099
    assert.equal(await queue.claim('lapse', 100), undefined)
    assert.ok(first && (await queue.extend(first, 100)))
    clock.time = 1_198
    assert.equal(await queue.claim('lapse', 100), undefined)
    clock.time = 1_199
    const second = await queue.claim('lapse', 100)
    assert.deepEqual([second?.id, second?.attempt], [id, 2])
    for (const write of [
      queue.extend(first, 100),
      queue.complete(first),
      queue.fail(first, 'late'),
      queue.release(first),
    ]) {
      assert.equal(await write, false)
    }
    assert.ok(second && (await queue.complete(second)))
    assert.deepEqual({ ...(await queue.status(id)) }, { id, subject: 'x', state: 'done', attempts: 2, error: null })
  })

  test('a clock that was set back keeps nobody waiting: neither for what is due at once nor for a dead worker', async () => {
    const { queue, clock } = open(10_000_000)
    const id = await queue.enqueue('back', 'x')
    clock.time = 1_000_000
    const first = await queue.claim('back', 100)
    assert.equal(first?.id, id)
    clock.time = 5_000_000
    assert.ok(first && (await queue.extend(first, 100)))
    clock.time = 1_000_000
    assert.equal((await queue.claim('back', 100))?.id, id)
    const later = await queue.enqueue('later', 'y', { runAt: 1_000_001 })
    assert.equal(await queue.claim('later', 100), undefined)
    clock.time += 1
    assert.equal((await queue.claim('later', 100))?.id, later)
  })

  test('a job that takes down every worker it meets has failed after its attempts', async () => {
    const { queue, clock } = open()
    const id = await queue.enqueue('poison', 'x', { maxAttempts: 3 })
    for (let attempt = 1; attempt <= 3; attempt++) {
      assert.equal((await queue.claim('poison', 10))?.attempt, attempt)
      clock.time += 10
    }
    assert.equal(await queue.claim('poison', 10), undefined)
    assert.deepEqual(
      { ...(await queue.status(id)) },
      {
        id,
        subject: 'x',
        state: 'failed',
        attempts: 3,
        error: 'The worker ended without a word.',
      },
    )
  })

  test('a job enqueued within a transaction that fails was never there', async () => {
    const { queue } = open()
    const { query } = get().database
    const work = query.$extendTables<JobTables>().$pickTables<'jobs'>().transaction()
    await assert.rejects(
      work.execute(async (within) => {
        await queue.enqueue('within', 'x', { within })
        throw new Error('changed my mind')
      }),
      /changed my mind/,
    )
    assert.equal(await queue.claim('within', 10), undefined)
  })

  test('a handler that throws is tried again after a growing pause, one that can never succeed is not', async () => {
    const { queue, clock } = open()
    const id = await queue.enqueue('retry', 'x', { maxAttempts: 3 })
    const hopeless = await queue.enqueue('retry', 'hopeless')
    const attempts: [string, number, number][] = []
    const worker = startWorker(queue, {
      kind: 'retry',
      clock: { now: () => clock.time, elapsed: () => clock.time },
      pollMs: 1,
      handle: async (job) => {
        attempts.push([job.subject, job.attempt, clock.time])
        if (job.subject === 'hopeless') throw fail('invalid_value', { param: 'file', reason: 'it is empty' })
        throw new Error(`attempt ${job.attempt}`)
      },
    })
    await until('the hopeless one has failed', async () => (await queue.status(hopeless))?.state === 'failed', 2)
    for (const time of [2_000, 4_000]) {
      clock.time = time
      const attempt = `attempt ${time / 2_000 + 1}`
      await until(attempt, async () => (await queue.status(id))?.error === attempt, 2)
    }
    await worker.stop()
    assert.deepEqual(
      attempts.filter(([subject]) => subject === 'x'),
      [
        ['x', 1, 1_000],
        ['x', 2, 2_000],
        ['x', 3, 4_000],
      ],
    )
    assert.equal((await queue.status(id))?.state, 'failed')
    assert.deepEqual(
      [(await queue.status(hopeless))?.attempts, attempts.filter(([s]) => s === 'hopeless').length],
      [1, 1],
    )
  })

  test('a worker that stops aborts its handlers and gives their jobs back uncounted', async () => {
    const { queue, clock } = open()
    const id = await queue.enqueue('stop', 'x')
    const started = Promise.withResolvers<void>()
    const worker = startWorker(queue, {
      kind: 'stop',
      clock: { now: () => clock.time, elapsed: () => clock.time },
      handle: async (_job, signal) => {
        started.resolve()
        await delay(60_000, undefined, { signal })
      },
    })
    await started.promise
    await worker.stop()
    assert.deepEqual({ ...(await queue.status(id)) }, { id, subject: 'x', state: 'ready', attempts: 0, error: null })
  })

  test('three processes do two hundred jobs, each once', async (context) => {
    if (needsSessions(context, get())) return
    const { queue } = open(systemClock.now())
    const subjects = Array.from({ length: 200 }, (_, index) => `subject ${index}`)
    for (const subject of subjects) await queue.enqueue('many', subject)
    const done: string[] = []
    const all = Promise.withResolvers<void>()
    const handler = '(job) => { console.log(job.subject); return Promise.resolve() }'
    const workers = Array.from({ length: 3 }, () => workElsewhere('many', handler, 30_000))
    for (const worker of workers) {
      if (worker.stdout === null) throw new Error('no standard output')
      createInterface(worker.stdout).on('line', (line) => {
        if (line !== 'ready') done.push(line)
        if (done.length >= subjects.length) all.resolve()
      })
    }
    await all.promise
    await delay(100)
    for (const worker of workers) {
      worker.kill()
      await once(worker, 'exit')
    }
    assert.deepEqual(done.sort(), subjects.sort())
  })

  test('the job of a killed process is taken over when its lease has run out', async () => {
    const { queue, clock } = open(systemClock.now())
    const id = await queue.enqueue('killed', 'x')
    const holder = workElsewhere(
      'killed',
      "async () => { console.log('holding'); await new Promise((r) => setTimeout(r, 600_000)) }",
      600,
    )
    if (holder.stdout === null) throw new Error('no standard output')
    for await (const line of createInterface(holder.stdout)) if (line === 'holding') break
    const leasedUntil = async () => {
      const jobs = get().database.query.$extendTables<JobTables>().$pickTables<'jobs'>()
      const row = jobs.selectFrom('jobs').select('lease_until').where('id', '=', id)
      return (await row.executeTakeFirstOrThrow()).lease_until ?? 0
    }
    // A living worker renews it: when the first lease would have ended, nobody gets the job. The times are those of the rows, so that no
    // pause of the machine counts.
    const first = await leasedUntil()
    await until('the lease is renewed', async () => (await leasedUntil()) > first)
    clock.time = first
    assert.equal(await queue.claim('killed', 2_000), undefined)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    clock.time = (await leasedUntil()) - 1
    assert.equal(await queue.claim('killed', 2_000), undefined)
    clock.time += 1
    const job = await queue.claim('killed', 2_000)
    assert.deepEqual([job?.id, job?.attempt], [id, 2])
    assert.ok(job && (await queue.complete(job)))
  })
})
