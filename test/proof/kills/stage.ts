// The product on a database of its own, both to be killed and started again on the same files and port. Knows no load and no check.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tinyLlama } from '../../support/gguf-models.ts'
import { byteVocabulary } from '../../support/gguf-vocabulary.ts'
import { type OwnPostgres, startPostgres } from '../../support/postgres.ts'
import { type RunningProduct, startProduct } from '../../support/product.ts'

/** What is on trial. */
export interface Stage {
  /** Stays the same over all starts. */
  readonly url: string
  readonly key: string
  readonly databaseUrl: string
  /** Undefined on SQLite. */
  readonly postgres: OwnPostgres | undefined
  /** What the living server printed. */
  output(): string
  killServer(): Promise<void>
  startServer(): Promise<void>
  /** SIGTERM; throws where it does not end well. */
  stopServer(): Promise<void>
  /** Ends and removes everything. */
  end(): Promise<void>
}

/** Starts PostgreSQL where wanted, and the product with the model `tiny`. */
export async function setStage(database: 'sqlite' | 'postgres'): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'galerne-stage-'))
  const model = await tinyLlama({ folder, vocabulary: byteVocabulary([]) })
  const postgres = database === 'postgres' ? await startPostgres() : undefined
  const databaseUrl = postgres?.url ?? `sqlite:${join(folder, 'galerne.sqlite')}`
  const places = ['--home', folder, '--port', String(await freePort()), '--model', `tiny=${model}`]
  const small = ['--streams', '8', '--context-length', '256', '--drain-timeout', '5s']
  const start = () => startProduct([...places, ...small], { GALERNE_DATABASE_URL: databaseUrl })
  let server: RunningProduct = await start()
  return {
    url: server.url,
    key: server.key,
    databaseUrl,
    postgres,
    output: () => server.output(),
    async killServer() {
      server.process.kill('SIGKILL')
      await once(server.process, 'exit')
    },
    async startServer() {
      server = await start()
    },
    async stopServer() {
      assert.equal(await server.stop(), 0, server.output())
    },
    async end() {
      await server.stop()
      await postgres?.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
