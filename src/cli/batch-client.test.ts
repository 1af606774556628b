// What is fetched of a batch, however much it is, over HTTP as it comes from a server.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { loadConfig } from '../base/config.ts'
import { download } from './batch-client.ts'
import { type Connection, connect } from './connection.ts'

const mebibyte = Buffer.alloc(2 ** 20, 'x')
let answer: (response: ServerResponse) => Promise<void>
const http = createServer((_request, response) => void answer(response))
let connection: Connection
let folder = ''

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-download-'))
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  connection = await connect(loadConfig({ flags: { home: folder }, environment: {} }), url)
})
after(async () => {
  await connection.close()
  http.close()
  await rm(folder, { recursive: true, force: true })
})

test('results of any length are fetched', async () => {
  answer = async (response) => {
    for (let sent = 0; sent < 260; sent++) if (!response.write(mebibyte)) await once(response, 'drain')
    response.end()
  }
  const path = join(folder, 'long.jsonl')
  await download(connection, 'file_1', path)
  assert.equal((await stat(path)).size, 260 * mebibyte.length)
  await rm(path)
})

test('an answer that breaks off leaves what was there, and nothing else', async () => {
  answer = async (response) => {
    response.writeHead(200, { 'content-length': 2 * mebibyte.length })
    response.write(mebibyte, () => response.destroy())
  }
  const path = join(folder, 'out.jsonl')
  await writeFile(path, 'of yesterday')
  await assert.rejects(download(connection, 'file_1', path))
  assert.equal(await readFile(path, 'utf8'), 'of yesterday')
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('out')),
    ['out.jsonl'],
  )
})
