// Every setting of Galerne: its name, type, range, default and meaning. Knows nothing of where a value comes from.
import { type Static, type TSchema, Type } from 'typebox'
import { Set as setFormat } from 'typebox/format'
import { isRange } from './addresses.ts'

/** How the text of a variable, flag or YAML scalar becomes the schema's value. */
export type Unit = 'duration' | 'size' | 'path'

/** What Galerne adds to a JSON Schema: a unit to parse, whether to mask the value, and what to say when it does not fit. */
export interface SettingNotes {
  readonly unit?: Unit
  readonly secret?: boolean
  /** What is wrong when `pattern` or `format` does not match, as the end of a sentence. */
  readonly hint?: string
}

// A network of all addresses is none that a proxy can be told by.
setFormat('address-range', (text) => isRange(text) && !/\/0+$/.test(text))

const duration = (description: string, fallback: number, notes: SettingNotes = {}) =>
  Type.Integer({ description, default: fallback, minimum: 0, maximum: 86_400_000, unit: 'duration', ...notes })

const path = (description: string, notes: SettingNotes = {}) =>
  Type.String({ description, minLength: 1, unit: 'path', ...notes })

/** The settings in the order in which help texts and the reference page list them. Durations are milliseconds, sizes bytes. */
export const configSchema = Type.Object({
  host: Type.String({ description: 'Address to listen on.', default: '127.0.0.1', minLength: 1 }),
  port: Type.Integer({
    description: 'Port to listen on; 0 takes any free one.',
    default: 6420,
    minimum: 0,
    maximum: 65_535,
  }),
  home: Type.String({
    description: 'Data folder: weights, database, the key of the first start.',
    default: '~/.galerne',
    minLength: 1,
    unit: 'path',
  }),
  model: Type.Array(Type.String({ minLength: 1 }), {
    description:
      'Model to serve: a name of the catalogue, the path of a GGUF file, hf:owner/repository:file.gguf, or name=any of them. Give it again for another one; of two with one name the second is a version, name@sha256:….',
    default: ['smollm2-135m-instruct'],
    minItems: 1,
  }),
  'api-key': Type.Optional(
    Type.String({
      description: 'Value of the first key, for scripted starts: 32 characters or more.',
      minLength: 32,
      maxLength: 512,
      pattern: '^[!-~]+$',
      hint: 'must be made of printable ASCII characters without spaces',
      secret: true,
    }),
  ),
  'log-level': Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    description: 'The least important line that is logged.',
    default: 'info',
  }),
  'tls-cert': Type.Optional(path('PEM file with the certificate chain; needs tls-key.')),
  'tls-key': Type.Optional(path('PEM file with the private key; needs tls-cert.')),
  'drain-timeout': duration('How long running answers may go on after SIGTERM.', 30_000),
  'database-url': Type.Optional(
    Type.String({
      description: 'Database: sqlite:<path> or postgres://user@host/name. Without it: galerne.sqlite in home.',
      minLength: 1,
      secret: true,
    }),
  ),
  currency: Type.Enum(['USD', 'EUR'], {
    description: 'Currency that costs are accounted in. What a vendor lists in the other one needs an exchange rate.',
    default: 'USD',
  }),
  'webhook-secret': Type.Optional(
    Type.String({
      description:
        'What the secrets of webhooks are made from, one for each, which sign their messages (Standard Webhooks). Only servers know it; all of an installation have the same.',
      minLength: 24,
      maxLength: 512,
      secret: true,
    }),
  ),
  'webhook-private': Type.Enum(['refuse', 'allow'], {
    description: 'Whether alerts may be posted to addresses of private networks and of this machine.',
    default: 'refuse',
  }),
  'smtp-url': Type.Optional(
    Type.String({
      description:
        'Server that alerts and invitations are mailed by: smtp://user:password@host:587, or smtps:// for TLS from the start.',
      pattern: '^smtps?://\\S+$',
      hint: 'must be an address that starts with smtp:// or smtps://',
      secret: true,
    }),
  ),
  'smtp-clear': Type.Enum(['loopback', 'refuse', 'allow'], {
    description: 'Whether a password may go to the mail server without TLS; `loopback`: only to one on this machine.',
    default: 'loopback',
  }),
  'smtp-from': Type.String({
    description: 'Sender of mails.',
    default: 'galerne@localhost',
    pattern: '^[^\\r\\n]{3,200}$',
    hint: 'must be an address on one line',
  }),
  pooling: Type.Optional(
    Type.Enum(['none', 'mean', 'cls', 'last', 'rank'], {
      description:
        "How token vectors become one embedding, for models whose file does not say. 'rank' serves /v1/rerank.",
    }),
  ),
  streams: Type.Optional(
    Type.Integer({
      description: 'Answers generated at once per model; the plan chooses without it.',
      minimum: 1,
      maximum: 256,
    }),
  ),
  'context-length': Type.Optional(
    Type.Integer({
      description:
        'Tokens one request may hold, prompt and answer together; the plan chooses without it. Of several models, each takes it as far as it was trained.',
      minimum: 64,
      maximum: 16_777_216,
    }),
  ),
  'kv-type': Type.Optional(
    Type.Enum(['f16', 'q8_0'], {
      description: 'Type of the key-value cache: q8_0 takes half the memory. The plan chooses without it.',
    }),
  ),
  layout: Type.Optional(
    Type.Enum(['split', 'unified'], {
      description: 'Key-value cache: one part per stream, or one for all. Split without it.',
    }),
  ),
  threads: Type.Optional(
    Type.Integer({
      description: 'Threads that all models together compute with; the free cores without it.',
      minimum: 1,
      maximum: 1024,
    }),
  ),
  'prefix-cache-disk': Type.Integer({
    description:
      'Disk space for prompts that were read before, so that they need not be read again after a restart; 0 keeps none. The files hold prompts in clear, for this user alone.',
    default: 0,
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    unit: 'size',
  }),
  'prefix-cache-keep': duration('Age at which such a file is deleted.', 86_400_000),
  'models-memory': Type.Optional(
    Type.Integer({
      description:
        'Memory that all models together may take, a tenth of it left free; what is free at the start without it. Models that do not fit beside the others are loaded when they are called.',
      minimum: 67_108_864,
      maximum: Number.MAX_SAFE_INTEGER,
      unit: 'size',
    }),
  ),
  pin: Type.Array(Type.String({ minLength: 1 }), {
    description: 'Name of a model that is never unloaded to make room for another one. Can be given again.',
    default: [],
  }),
  priority: Type.Array(
    Type.String({
      minLength: 1,
      pattern: '^.+=-?\\d{1,6}$',
    }),
    {
      description: 'name=number: models of higher priority are unloaded last; 0 without it. Can be given again.',
      default: [],
      hint: 'must be written as name=number, such as mistral-7b=10',
    },
  ),
  'model-idle-timeout': duration(
    'Time without a request after which a model is unloaded until it is called again; 0 keeps it loaded.',
    0,
  ),
  'load-timeout': duration('How long a request waits for its model to be loaded.', 600_000),
  'queue-length': Type.Integer({
    description: 'Requests that may wait per model; more are refused with 429.',
    default: 256,
    minimum: 0,
    maximum: 1_000_000,
  }),
  'public-url': Type.Optional(
    Type.String({
      description: 'Address under which people reach the console, where it is not the one it listens on.',
      pattern: '^https?://[^\\s/]+/?$',
      hint: 'must be an address without a path, such as https://galerne.example.org',
    }),
  ),
  'oidc-issuer': Type.Optional(
    Type.String({
      description: 'OpenID Connect provider that people sign in with: its issuer. Needs oidc-client-id.',
      pattern: '^https?://[^\\s]+$',
      hint: 'must be an address that starts with https://',
    }),
  ),
  'oidc-client-id': Type.Optional(Type.String({ description: 'Our id at the provider.', minLength: 1 })),
  'oidc-client-secret': Type.Optional(
    Type.String({
      description: "Where the provider's secret for us is: env:NAME or file:PATH. None for a public client.",
      pattern: '^(env|file):.+$',
      hint: 'must be written as env:NAME or file:PATH, never as the secret itself',
    }),
  ),
  'oidc-domain': Type.Array(Type.String({ minLength: 1 }), {
    description:
      'Domain of e-mail addresses whose people become members at their first sign-in. Others must be invited. Can be given again.',
    default: [],
  }),
  'trust-proxy': Type.Array(Type.String({ minLength: 1, format: 'address-range' }), {
    description:
      'Address or network of a proxy whose X-Forwarded-For is believed. None by default. Can be given again.',
    default: [],
    hint: 'must be addresses or networks, such as 10.0.0.1 or 10.0.0.0/8',
  }),
  'cors-origin': Type.Array(
    Type.String({
      minLength: 1,
      pattern: '^(\\*|[a-z][a-z0-9+.-]*://[^/\\s?#@A-Z]+)$',
    }),
    {
      description:
        'Origin of web pages that may call the API from a browser, with a key of their own: https://chat.example.org, or * for any. They never act as who is signed in to the console. None by default. Can be given again.',
      default: [],
      hint: 'must be origins as browsers send them, such as https://chat.example.org: in lower case, without a path',
    },
  ),
  'body-limit': Type.Integer({
    description: 'Largest request body.',
    default: 33_554_432,
    minimum: 1024,
    maximum: 1_073_741_824,
    unit: 'size',
  }),
  'file-store': Type.Optional(
    Type.String({
      description:
        'Where files are kept: s3://bucket/prefix?region=…&endpoint=… for a store that speaks S3, with its keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Without it: the folder files in home.',
      pattern: '^s3://[^/?\\s]+(/[^?\\s]*)?(\\?\\S*)?$',
      hint: 'must be written as s3://bucket/prefix?region=…&endpoint=…',
    }),
  ),
  'file-limit': Type.Integer({
    description: 'Largest file that is taken in one request.',
    default: 536_870_912,
    minimum: 1024,
    maximum: 5_368_709_120,
    unit: 'size',
  }),
  'upload-limit': Type.Integer({
    description: 'Largest file that is taken in parts.',
    default: 8_589_934_592,
    minimum: 1024,
    maximum: 1_099_511_627_776,
    unit: 'size',
  }),
  'file-quota': Type.Integer({
    description: 'What the files of one workspace may hold together; 0 sets no limit.',
    default: 0,
    minimum: 0,
    maximum: 2 ** 53 - 1,
    unit: 'size',
  }),
  'batch-file-life': Type.Integer({
    description:
      'How long the files of batches, inputs and results, are kept where nothing is said of them; 0: until they are deleted. OpenAI keeps them 30 days.',
    default: 0,
    minimum: 0,
    maximum: 36_500 * 86_400_000,
    unit: 'duration',
  }),
  'keep-alive': duration(
    'Time without output after which a stream sends a comment, so that proxies keep it open; 0 turns it off.',
    15_000,
  ),
  'hub-url': Type.String({
    description: 'Where weights are pulled from: anything that speaks the HTTP of the Hugging Face Hub.',
    default: 'https://huggingface.co',
    pattern: '^https?://[^\\s]+$',
    hint: 'must be an address that starts with http:// or https://',
  }),
  'hub-mirror': Type.Array(
    Type.String({
      minLength: 1,
      pattern: '^https?://[^\\s]+$',
    }),
    {
      description:
        'Hub that is asked where hub-url cannot give a file; it never gets the token. Can be given again: asked in order.',
      default: [],
      hint: 'must be addresses that start with http:// or https://',
    },
  ),
  'hub-cache': Type.Optional(
    path(
      "Folder of Hugging Face's cache that files of a hub are taken from and put into. Without it the one that huggingface_hub uses (HF_HUB_CACHE, HF_HOME, ~/.cache/huggingface/hub).",
    ),
  ),
  'ollama-url': Type.String({
    description: "Where ollama:name is pulled from: anything that speaks the HTTP of Ollama's registry.",
    default: 'https://registry.ollama.ai',
    pattern: '^https?://[^\\s]+$',
    hint: 'must be an address that starts with http:// or https://',
  }),
  'pull-connections': Type.Integer({
    description: 'Connections that one file is pulled over.',
    default: 8,
    minimum: 1,
    maximum: 64,
  }),
  'otlp-url': Type.Optional(
    Type.String({
      description:
        'Collector that gets every call as spans too, by OTLP over HTTP: https://collector.example/v1/traces.',
      pattern: '^https?://[^\\s]+$',
      hint: 'must be an address that starts with http:// or https://',
    }),
  ),
  'otlp-authorization': Type.Optional(
    Type.String({
      description: 'Where the value of its authorization header is: env:NAME or file:PATH, never the value itself.',
      pattern: '^(env|file):.+$',
      hint: 'must be written as env:NAME or file:PATH, never as the value itself',
    }),
  ),
  'otlp-names': Type.Enum(['v1.41', 'latest'], {
    description: "Which of OpenTelemetry's GenAI names it gets: those of v1.41, or the newer ones.",
    default: 'v1.41',
  }),
  'hub-token': Type.Optional(
    Type.String({
      description: 'Where the token for gated models is: env:NAME or file:PATH, never the token itself.',
      pattern: '^(env|file):.+$',
      hint: 'must be written as env:NAME or file:PATH, never as the token itself',
    }),
  ),
})

type Camel<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name
type Values = Static<typeof configSchema>

/** The name of a setting, as in `galerne.yaml` and in flags. */
export type SettingName = keyof Values

/** The effective settings under camelCase names: `config.drainTimeout` is `drain-timeout`. Durations are milliseconds, sizes bytes. */
export type Config = {
  readonly [Name in SettingName as Camel<Name>]: Values[Name] extends readonly (infer Item)[]
    ? readonly Item[]
    : Values[Name]
}

/** One setting's schema with our notes. */
export type SettingSchema = TSchema &
  SettingNotes & {
    readonly description: string
    readonly default?: unknown
    readonly type?: string
    readonly enum?: readonly string[]
    readonly minimum?: number
    readonly maximum?: number
    readonly minLength?: number
  }

/** Every setting's name, in order. */
export const settingNames = Object.keys(configSchema.properties) as readonly SettingName[]

/** The schema of one setting. */
export function settingSchema(name: SettingName): SettingSchema {
  return configSchema.properties[name] as unknown as SettingSchema
}

/** `drain-timeout` → `drainTimeout`, the property of `Config`. */
export function propertyName(name: SettingName): keyof Config {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()) as keyof Config
}

/** `drain-timeout` → `GALERNE_DRAIN_TIMEOUT`. */
export function variableName(name: SettingName): string {
  return `GALERNE_${name.replaceAll('-', '_').toUpperCase()}`
}
