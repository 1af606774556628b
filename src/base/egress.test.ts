// Outgoing requests against real local servers: what is refused, what is limited, and what stands in the ledger.
import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { classifyAddress } from './addresses.ts'
import { createEgress, type LedgerEntry } from './egress.ts'

const ledger: LedgerEntry[] = []
const egress = createEgress({ ledger: (entry) => ledger.push(entry) })
const open = { allowPrivate: true }
const closers: (() => void)[] = []

after(async () => {
  for (const close of closers) close()
  await egress.close()
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('addresses are judged by what they reach, also inside IPv6 forms', () => {
  const expected = {
    '1.1.1.1': 'public',
    '2606:4700::1111': 'public',
    '127.0.0.1': 'private',
    '10.1.2.3': 'private',
    '::1': 'private',
    'fd00::1': 'private',
    '::ffff:127.0.0.1': 'private',
    '::ffff:a9fe:a9fe': 'forbidden',
    '64:ff9b::a00:1': 'private',
    '2002:7f00:1::': 'private',
    '169.254.169.254': 'forbidden',
    '0.0.0.0': 'forbidden',
    '::': 'forbidden',
    'fe80::1%eth0': 'forbidden',
    '224.0.0.1': 'forbidden',
    'not an address': 'forbidden',
  }
  const judged = Object.fromEntries(Object.keys(expected).map((address) => [address, classifyAddress(address)]))
  assert.deepEqual(judged, expected)
})

test('a private address is refused without leave, as a literal and as a name, and nothing is sent', async () => {
  let received = 0
  const url = await serve((_, response) => {
    received++
    response.end('secret')
  })
  const named = url.replace('127.0.0.1', 'localhost')
  for (const target of [
    url,
    named,
    url.replace('127.0.0.1', '[::ffff:127.0.0.1]'),
    url.replace('127.0.0.1', '2130706433'),
  ]) {
    await assert.rejects(egress.request({ url: target, purpose: 'test' }), { code: 'egress_refused' }, target)
  }
  assert.equal(received, 0)
  const answer = await egress.request({ url: named, purpose: 'test', policy: open })
  assert.equal(await answer.text(), 'secret')
})

test('link-local addresses are refused even with leave for private ones', async () => {
  const request = { url: 'http://169.254.169.254/latest/meta-data/', purpose: 'test', policy: open }
  await assert.rejects(egress.request(request), { code: 'egress_refused' })
})

test('every hop of a redirect is checked, counted and stripped of credentials', async () => {
  const seen: (string | undefined)[] = []
  const target = await serve((request, response) => {
    seen.push(request.headers.authorization)
    response.end('arrived')
  })
  const source = await serve((request, response) => {
    const location = request.url === '/inward' ? 'http://169.254.169.254/' : request.url === '/loop' ? '/loop' : target
    response.writeHead(302, { location }).end()
  })
  const headers = { authorization: 'Bearer abc' }
  const answer = await egress.request({ url: `${source}/away`, purpose: 'test', headers, policy: open })
  assert.equal(await answer.text(), 'arrived')
  assert.equal(answer.url, `${target}/`)
  assert.deepEqual(seen, [undefined])
  await assert.rejects(egress.request({ url: `${source}/inward`, purpose: 'test', policy: open }), {
    code: 'egress_refused',
  })
  await assert.rejects(egress.request({ url: `${source}/loop`, purpose: 'test', policy: open }), /too many redirects/)
  await assert.rejects(
    egress.request({ url: `${source}/away`, purpose: 'test', method: 'POST', body: 'x', policy: open }),
    /redirects a request with a body/,
  )
})

test('size and time are bounded', async () => {
  const url = await serve((request, response) => {
    if (request.url === '/large') response.end(Buffer.alloc(100_000))
    else response.write('a start without an end')
  })
  const large = await egress.request({ url: `${url}/large`, purpose: 'test', policy: { ...open, maxBytes: 1000 } })
  await assert.rejects(large.text(), { code: 'egress_failed' })
  const slow = async () => {
    const policy = { ...open, timeoutMs: 200 }
    return await (await egress.request({ url: `${url}/slow`, purpose: 'test', policy })).text()
  }
  await assert.rejects(slow(), { code: 'egress_failed' })
})

test("the caller's cancellation comes back as its own reason", async () => {
  const url = await serve(() => {})
  const controller = new AbortController()
  const pending = egress.request({ url, purpose: 'test', policy: open, signal: controller.signal })
  const reason = new Error('the user left')
  controller.abort(reason)
  await assert.rejects(pending, reason)
})

test('addresses that are not plain http or https are refused', async () => {
  for (const url of ['file:///etc/passwd', 'ftp://example.com/', 'http://user:pass@example.com/', 'nonsense']) {
    await assert.rejects(egress.request({ url, purpose: 'test' }), { code: 'egress_failed' }, url)
  }
})

test('the ledger tells what left, without queries and bodies', async () => {
  const url = await serve((_, response) => response.writeHead(204).end())
  ledger.length = 0
  const answer = await egress.request({
    url: `${url}/path?signature=1`,
    purpose: 'test',
    method: 'POST',
    body: 'four',
    policy: open,
  })
  await answer.discard()
  const [entry] = ledger
  assert.equal(ledger.length, 1)
  const { at, elapsedMs, ...rest } = entry ?? assert.fail('no entry')
  assert.ok(at > 0 && elapsedMs >= 0)
  assert.deepEqual(rest, {
    purpose: 'test',
    method: 'POST',
    destination: url,
    path: '/path',
    sentBytes: 4,
    status: 204,
  })
})
