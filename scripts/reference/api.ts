// Writes the reference of the API from the running server's own OpenAPI document, which is made from the schemas that validate.
import { systemClock } from '../../src/base/clock.ts'
import { loadConfig } from '../../src/base/config.ts'
import { createLog } from '../../src/base/log.ts'
import { version } from '../../src/base/version.ts'
import { connect } from '../../src/database/connect.ts'
import { createNotices } from '../../src/database/notices.ts'
import { openReader } from '../../src/database/reader.ts'
import { startPool } from '../../src/engine/pool.ts'
import { createActs } from '../../src/features/audit/acts.ts'
import { openBatches } from '../../src/features/batches/batches.ts'
import { openFiles } from '../../src/features/files/open.ts'
import { type LocalModels, localModels } from '../../src/features/models/local-models.ts'
import { Pulls } from '../../src/features/models/pull-jobs.ts'
import { createRegistry, type Registry } from '../../src/features/models/registry.ts'
import { openUsage } from '../../src/features/usage/open.ts'
import { createServer } from '../../src/http/server.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

interface Operation {
  readonly tags?: readonly string[]
  readonly summary?: string
  readonly description?: string
  readonly security?: readonly unknown[]
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: Schema }>> }
}

interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> }
}

/** `docs/reference/api.md` and `docs/reference/openapi.json`. */
export async function apiFiles(): Promise<{ readonly page: string; readonly openapi: string }> {
  const document = await readDocument()
  return { page: page(document), openapi: `${JSON.stringify(document, null, 2)}\n` }
}

/** From a server without models: its routes and schemas are the same. */
async function readDocument(): Promise<Document> {
  const { config } = loadConfig({ environment: {}, folder: import.meta.dirname })
  const log = createLog({ level: 'silent' })
  const metrics = createMetrics()
  const registry = createRegistry({ models: [], clock: systemClock, log, metrics, queueLength: 0 })
  const keys = { verify: async () => undefined }
  const database = await connect('sqlite::memory:')
  const files = await openFiles({ config, database, environment: {}, clock: systemClock, log })
  const batches = openBatches({
    database,
    files: files.files,
    registry,
    clock: systemClock,
    log,
    usageKept: async () => {},
    graceMs: 0,
  })
  const notices = await createNotices(database)
  const usage = await openUsage({
    database,
    reader: openReader(database),
    notices,
    currency: config.currency,
    clock: systemClock,
    log,
  })
  const server = await createServer({
    config,
    registry,
    keys,
    files,
    acts: createActs(database, systemClock),
    accounting: usage,
    local: { models: await noModels(registry), home: '/' },
    // Never asked to pull.
    pulls: new Pulls({ pulling: () => Promise.reject(new Error('no pulls')), log }),
    batches,
    log,
    clock: systemClock,
    metrics,
    version,
  })
  await server.ready()
  const document = server.swagger() as unknown as Document
  await server.close()
  await batches.stop()
  await files.close()
  await usage.close()
  await notices.close()
  await database.close()
  return document
}

/** The routes of local models, over none. */
async function noModels(registry: Registry): Promise<LocalModels> {
  const pool = await startPool({ models: [], log: createLog({ level: 'silent' }) })
  return localModels({
    ...{ pool, registry, home: '/', hubCache: undefined, catalogue: undefined, clock: systemClock, engine: {} },
  })
}

function page(document: Document): string {
  const sections = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      section(document, `${method.toUpperCase()} ${path}`, operation),
    ),
  )
  return `# API

Every route wants \`Authorization: Bearer <key>\`, except where it says otherwise. The same document for programs: \`openapi.json\` beside
this page, or \`GET /openapi.json\` from a running server. Errors: [errors.md](errors.md).

${sections.join('\n')}`
}

function section(document: Document, title: string, operation: Operation): string {
  const schema = resolve(document, operation.requestBody?.content?.['application/json']?.schema)
  const fields = Object.entries(schema?.properties ?? {}).map(([name, field]) => {
    const required = schema?.required?.includes(name) === true ? 'yes' : ''
    return `| \`${name}\` | ${cell(kind(document, field))} | ${required} | ${cell(resolve(document, field)?.description ?? '')} |`
  })
  const table =
    fields.length === 0 ? '' : `\n| field | type | required | |\n| --- | --- | --- | --- |\n${fields.join('\n')}\n`
  const open = operation.security?.length === 0 ? 'Wants no key' : undefined
  const words = [operation.summary, operation.description, open].filter((text) => text !== undefined).join('. ')
  return `## \`${title}\`\n\n${words}\n${table}`
}

function resolve(document: Document, schema: Schema | undefined): Schema | undefined {
  const name = schema?.$ref?.split('/').at(-1)
  return name === undefined
    ? schema
    : {
        ...document.components?.schemas?.[name],
        ...(schema?.description !== undefined && { description: schema.description }),
      }
}

/** A schema in a few words: `string`, `array of object`, `"auto" or object`. */
function kind(document: Document, unresolved: Schema): string {
  const schema = resolve(document, unresolved) ?? {}
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' or ')
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return [...new Set(choices.map((choice) => kind(document, choice)))].join(' or ')
  if (schema.items !== undefined) return `array of ${kind(document, schema.items)}`
  return schema.type === undefined ? 'any' : [schema.type].flat().join(' or ')
}

/** One line, and no bar that would end the table's cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ')
}
