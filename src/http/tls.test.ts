import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createEchoModel } from '../../test/support/echo-model.ts'
import { startServer, testKey } from '../../test/support/server.ts'

const openssl = spawnSync('openssl', ['version']).status === 0

test('with tls-cert and tls-key the same routes answer over TLS', {
  skip: !openssl && 'openssl is not here to make a certificate',
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'galerne-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  const made = spawnSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert])
  assert.equal(made.status, 0, String(made.stderr))
  const server = await startServer([createEchoModel()], { tlsCert: cert, tlsKey: key })
  try {
    assert.match(server.url, /^https:/)
    const text = await new Promise<string>((resolve, reject) => {
      const options = { ca: readFileSync(cert), headers: { authorization: `Bearer ${testKey}` } }
      const sent = request(`${server.url}/v1/models`, options, async (response) => {
        let body = ''
        for await (const piece of response) body += piece
        resolve(body)
      })
      sent.once('error', reject)
      sent.end()
    })
    assert.equal(JSON.parse(text).data[0].id, 'echo')
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true })
  }
})
