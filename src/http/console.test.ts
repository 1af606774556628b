import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { createEchoModel } from '../../test/support/echo-model.ts'
import { send } from '../../test/support/http-client.ts'
import { startServer } from '../../test/support/server.ts'

const built = existsSync(join(import.meta.dirname, '../../console/dist/index.html'))
const skip = built ? false : 'the console is not built: node bin/node24.js scripts/build.ts'

describe('the console at the door of the server', { skip }, async () => {
  const server = await startServer([createEchoModel()])
  after(() => server.stop())
  const person = { authorization: '', accept: 'text/html,application/xhtml+xml' }

  test('a person gets the page at every address of the console, without a key', async () => {
    for (const path of ['/', '/playground', '/traces/4bf92f3577b34da6a3ce929d0e0e4736?tab=spans']) {
      const { status, headers, text } = await send(server, path, { headers: person })
      assert.equal(status, 200, path)
      assert.match(headers.get('content-type') ?? '', /^text\/html/, path)
      assert.match(text, /<div id="root">/, path)
      assert.match(headers.get('content-security-policy') ?? '', /script-src 'self'/, path)
      assert.doesNotMatch(headers.get('content-security-policy') ?? '', /unsafe/, path)
    }
  })

  test('the page holds no inline script or style, and names only files of this server', async () => {
    const { text } = await send(server, '/', { headers: person })
    assert.doesNotMatch(text, /<script(?![^>]*\ssrc="\/)|<style|\son\w+=|https?:\/\//)
    for (const [, file = ''] of text.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const { status, headers } = await send(server, file, { headers: person })
      assert.equal(status, 200, file)
      if (file.startsWith('/assets/')) assert.match(headers.get('cache-control') ?? '', /immutable/, file)
    }
  })

  test('a program still gets errors in words: unknown paths, paths of the API, and other methods', async () => {
    const asks: [path: string, init: Parameters<typeof send>[2]][] = [
      ['/playground', { headers: { accept: 'application/json' } }],
      ['/v1/nothing', { headers: person }],
      ['/galerne/v1/nothing', { headers: person }],
      ['/assets/gone.js', { headers: person }],
      ['/playground', { method: 'DELETE', headers: person }],
    ]
    for (const [path, init] of asks) {
      const { status, json } = await send(server, path, init)
      assert.equal(status, 404, path)
      assert.equal(json().error.code, 'unsupported_endpoint', path)
    }
  })
})
