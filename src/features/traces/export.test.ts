import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { until } from '../../../test/support/until.ts'
import { createEgress } from '../../base/egress.ts'
import { createLog } from '../../base/log.ts'
import { type OtlpRequest, readOtlp } from '../../telemetry/otlp.ts'
import type { Span } from '../../telemetry/span.ts'
import { spanExporter } from './export.ts'

const span: Span = {
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  parentSpanId: 'c'.repeat(16),
  traceState: '',
  name: 'chat m',
  kind: 'server',
  startedAt: 1_790_000_000_000_123,
  endedAt: 1_790_000_000_500_456,
  state: 'error',
  stateMessage: 'engine_failed',
  attributes: {
    text: 'words',
    whole: 12,
    part: 0.5,
    yes: true,
    list: ['a', 1],
    map: { inner: 'x' },
    'gen_ai.usage.cache_creation.input_tokens': 3,
  },
  events: [{ name: 'retry', at: 1_790_000_000_100_000, attributes: { attempt: 2 } }],
  resource: { 'service.name': 'galerne' },
  scope: { name: 'galerne', version: '1' },
}

describe('spans handed on to a collector', () => {
  const log = createLog({ level: 'silent' })
  const egress = createEgress()
  const got: { body: OtlpRequest; authorization: string | undefined }[] = []
  const statuses: number[] = []
  const collector = createServer((request, response) => {
    let text = ''
    request.on('data', (piece: Buffer) => {
      text += piece.toString()
    })
    request.on('end', () => {
      const status = statuses.shift() ?? 200
      if (status === 200) got.push({ body: JSON.parse(text), authorization: request.headers.authorization })
      response.writeHead(status).end('{}')
    })
  })
  const listening = new Promise<string>((resolve) =>
    collector.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`),
    ),
  )
  after(async () => {
    await egress.close()
    collector.close()
  })

  test('arrive as they were recorded, with the key that the collector wants', async () => {
    const exporter = spanExporter({ url: await listening, authorization: 'Bearer x', names: 'v1.41' }, { egress, log })
    exporter.offer([span])
    await exporter.close()
    assert.equal(got.at(-1)?.authorization, 'Bearer x')
    assert.deepEqual(readOtlp(got.at(-1)?.body ?? {}).spans, [span])
    assert.equal(exporter.dropped(), 0)
  })

  test('are renamed where the newer names are asked for', async () => {
    const exporter = spanExporter({ url: await listening, names: 'latest' }, { egress, log })
    exporter.offer([span])
    await exporter.close()
    const [read] = readOtlp(got.at(-1)?.body ?? {}).spans
    assert.equal(read?.attributes['gen_ai.usage.cache_write.input_tokens'], 3)
    assert.equal(read?.attributes['gen_ai.usage.cache_creation.input_tokens'], undefined)
  })

  test('are sent again where the collector says later, and counted where it says no', async () => {
    const before = got.length
    statuses.push(503)
    const patient = spanExporter({ url: await listening, names: 'v1.41' }, { egress, log })
    patient.offer([span])
    await until('the spans are sent again', () => got.length > before)
    assert.equal(got.length, before + 1)
    statuses.push(400)
    patient.offer([span, span])
    await patient.close()
    assert.equal(patient.dropped(), 2)
  })
})
