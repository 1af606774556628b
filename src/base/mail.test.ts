// Mails by SMTP: a password never leaves this machine in clear, whatever the server in between says it can do.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startMailServer } from '../../test/support/mail-server.ts'
import { createEgress } from './egress.ts'
import { mailer } from './mail.ts'

const mail = { to: ['a@example.org'], subject: 'hello', text: 'a text\n', id: 'mail_1' }
const password = 'a-password-of-the-relay'
/** As AUTH PLAIN and AUTH LOGIN carry it. */
const carried = [
  password,
  Buffer.from(`\0user\0${password}`).toString('base64'),
  Buffer.from(password).toString('base64'),
]

async function attempt(url: string, clear?: 'loopback' | 'refuse' | 'allow') {
  const egress = createEgress()
  try {
    const send = mailer({ egress, url, from: 'galerne@example.org', purpose: 'a test', ...(clear && { clear }) })
    return await send(mail).then(
      () => 'sent',
      (error: { code?: string }) => error.code,
    )
  } finally {
    await egress.close()
  }
}

const withPassword = (url: string) => url.replace('smtp://', `smtp://user:${password}@`)

test('a password goes to no server without TLS, except on this machine or where the operator says so', async () => {
  for (const [clear, outcome] of [
    ['refuse', 'egress_failed'],
    ['allow', 'sent'],
    ['loopback', 'sent'],
    [undefined, 'sent'],
  ] as const) {
    const server = await startMailServer({ authenticates: true })
    assert.equal(await attempt(withPassword(server.url), clear), outcome, clear)
    assert.equal(
      carried.some((text) => server.heard().includes(text)),
      outcome === 'sent',
      clear,
    )
    server.close()
  }
  const open = await startMailServer()
  assert.equal(await attempt(open.url, 'refuse'), 'sent', 'without a password there is nothing to hide')
  open.close()
})

test('a server that offers TLS with a certificate of its own making gets no password either', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'galerne-mail-'))
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=mail.example.org']
    execFileSync('openssl', [...request, '-keyout', key, '-out', cert], { stdio: 'ignore' })
    const tls = { key: readFileSync(key), cert: readFileSync(cert) }
    const server = await startMailServer({ authenticates: true, tls })
    assert.equal(await attempt(withPassword(server.url), 'refuse'), 'egress_failed')
    assert.match(server.heard(), /STARTTLS/)
    assert.ok(!carried.some((text) => server.heard().includes(text)))
    server.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
