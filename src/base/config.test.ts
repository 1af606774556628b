// Settings from all four places at once: who wins, what is refused, and how a fault names its place.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ConfigError, type ConfigSources, childEnvironment, loadConfig } from './config.ts'

const folder = mkdtempSync(join(tmpdir(), 'galerne-config-'))
after(() => rmSync(folder, { recursive: true }))

function withYaml(text: string, sources: ConfigSources = {}): ConfigSources {
  writeFileSync(join(folder, 'galerne.yaml'), text)
  return { folder, environment: {}, ...sources }
}

function faultsOf(sources: ConfigSources): readonly string[] {
  try {
    loadConfig(sources)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(({ origin, message }) => `${origin}: ${message}`)
    throw error
  }
  return []
}

test('the later place wins: default, file, variable, flag', () => {
  const yaml = 'port: 1001\nhost: 0.0.0.0\ndrain-timeout: 1s\n'
  const environment = { GALERNE_PORT: '1002', GALERNE_HOST: '::1' }
  const { config, origins } = loadConfig(withYaml(yaml, { environment, flags: { port: '1003' } }))
  assert.equal(config.port, 1003)
  assert.equal(config.host, '::1')
  assert.equal(config.drainTimeout, 1000)
  assert.equal(config.logLevel, 'info')
  const origin = (name: string) => origins.find((entry) => entry.name === name)?.origin
  assert.deepEqual(['port', 'host', 'drain-timeout', 'log-level', 'streams'].map(origin), [
    '--port',
    'GALERNE_HOST',
    'galerne.yaml:3',
    'default',
    'not set',
  ])
})

test('every fault of every place is told at once, with its place', () => {
  const yaml = 'port: 70000\n# a remark\nprot: 1\nmodel:\n  - ok.gguf\nlog-level: loud\nstreams: many\n'
  const environment = { GALERNE_DRAIN_TIMEOUT: '30', GALERNE_KV_TYP: 'f16', UNRELATED: 'x' }
  const flags = { host: ' ', 'body-limit': 'big', 'tls-cert': 'cert.pem', priority: 'x' }
  assert.deepEqual(faultsOf(withYaml(yaml, { environment, flags })), [
    'galerne.yaml:1: port must be between 0 and 65535',
    'galerne.yaml:3: there is no setting "prot". Did you mean "port"?',
    'galerne.yaml:6: log-level must be one of trace, debug, info, warn, error, fatal, silent',
    'galerne.yaml:7: streams must be a whole number, not "many"',
    'GALERNE_DRAIN_TIMEOUT: drain-timeout must be a time such as 30s, 500ms or 5m: "30" lacks its unit',
    'GALERNE_KV_TYP: there is no setting "kv-typ". Did you mean "GALERNE_KV_TYPE"?',
    '--host: host must not be empty',
    '--body-limit: body-limit must be a size such as 32mb or 512kb, not "big"',
    '--priority: priority must be written as name=number, such as mistral-7b=10',
    '--tls-cert: tls-cert needs tls-key beside it',
  ])
  for (const proxy of ['nonsense', '10.0.0.0/40', '0.0.0.0/0', 'proxy.example.org']) {
    assert.deepEqual(faultsOf({ folder, environment: {}, flags: { 'trust-proxy': ['10.0.0.1', proxy] } }).slice(-1), [
      '--trust-proxy: trust-proxy must be addresses or networks, such as 10.0.0.1 or 10.0.0.0/8',
    ])
  }
})

test('a file that is no YAML, or no mapping, or absent, is refused', () => {
  assert.match(faultsOf(withYaml('port: [1'))[0] ?? '', /^galerne\.yaml:1: not valid YAML/)
  assert.match(
    faultsOf(withYaml('port: 1\nport: 2\n'))[0] ?? '',
    /^galerne\.yaml:2: not valid YAML: Map keys must be unique/,
  )
  assert.deepEqual(faultsOf(withYaml('- port\n')), ['galerne.yaml:1: the file must hold lines of "setting: value"'])
  assert.deepEqual(faultsOf({ folder, environment: {}, file: 'absent.yaml' }), ['absent.yaml: the file does not exist'])
  assert.deepEqual(faultsOf(withYaml('# only a remark\n')), [])
  assert.deepEqual(faultsOf(withYaml('port: {a: 1}\n')), ['galerne.yaml:1: port must be a single value'])
  assert.deepEqual(faultsOf(withYaml('host: 1\n')), ['galerne.yaml:1: host must be text: write "1" in quotation marks'])
})

test('values are typed: times, sizes, lists and paths', () => {
  const yaml = 'home: data\nmodel: [a, b]\nbody-limit: 1.5kb\n'
  const environment = { GALERNE_KEEP_ALIVE: '2m', GALERNE_TRUST_PROXY: '10.0.0.1, 10.0.0.0/8' }
  const { config } = loadConfig(withYaml(yaml, { environment, flags: { 'tls-cert': '~/c.pem', 'tls-key': '~/k.pem' } }))
  assert.equal(config.home, join(folder, 'data'))
  assert.deepEqual(config.model, ['a', 'b'])
  assert.equal(config.bodyLimit, 1536)
  assert.equal(config.keepAlive, 120_000)
  assert.deepEqual(config.trustProxy, ['10.0.0.1', '10.0.0.0/8'])
  assert.equal(config.tlsCert, join(homedir(), 'c.pem'))
})

test('the config cannot be changed', () => {
  const { config } = loadConfig(withYaml(''))
  assert.throws(() => Object.assign(config, { port: 1 }), TypeError)
  assert.throws(() => (config.model as string[]).push('x'), TypeError)
})

test('secrets are masked, in values and in faults', () => {
  const secret = 's3cret-0123456789-0123456789-0123'
  const loaded = loadConfig(withYaml('', { environment: { GALERNE_API_KEY: secret } }))
  assert.equal(loaded.config.apiKey, secret)
  assert.ok(!JSON.stringify(loaded.origins).includes(secret))
  const short = faultsOf(withYaml('', { environment: { GALERNE_API_KEY: 'sh0rt' } }))
  assert.deepEqual(short, ['GALERNE_API_KEY: api-key must have 32 characters or more'])
})

test('a child process gets no setting and no token', () => {
  const environment = {
    PATH: '/bin',
    HF_TOKEN: 'x',
    GALERNE_API_KEY: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
    OPENAI_API_KEY: 'x',
  }
  assert.deepEqual(childEnvironment({ A: 'b' }, environment), { PATH: '/bin', A: 'b' })
})
