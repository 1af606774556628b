// Writes the reference of the API from the running server's own OpenAPI document, which is made from the schemas that validate.
import { openCompleteServer } from './complete-server.ts'

interface Operation {
  readonly tags?: readonly string[]
  readonly summary?: string
  readonly description?: string
  readonly security?: readonly unknown[]
  readonly 'x-permission'?: string
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

async function readDocument(): Promise<Document> {
  const complete = await openCompleteServer()
  const document = complete.server.swagger() as unknown as Document
  await complete.close()
  return document
}

function page(document: Document): string {
  const sections = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      section(document, `${method.toUpperCase()} ${path}`, operation),
    ),
  )
  return `# API

Every route wants \`Authorization: Bearer <key>\`, except where it says otherwise. The same document for programs: \`openapi.json\` beside
this page, or \`GET /openapi.json\` from a running server. Who has which permission: [permissions.md](permissions.md). Errors:
[errors.md](errors.md).

${sections.join('\n')}`
}

function section(document: Document, title: string, operation: Operation): string {
  const schema = resolve(document, operation.requestBody?.content?.['application/json']?.schema)
  const fields = Object.entries(schema?.properties ?? {}).map(([name, field]) => {
    const required = schema?.required?.includes(name) === true ? 'yes' : ''
    return `| \`${name}\` | ${cell(kind(document, field))} | ${required} | ${cell(describe(document, field))} |`
  })
  const table =
    fields.length === 0 ? '' : `\n| field | type | required | |\n| --- | --- | --- | --- |\n${fields.join('\n')}\n`
  const permission = operation['x-permission']
  const who = operation.security?.length === 0 ? 'Wants no key' : permission && `Permission: \`${permission}\``
  const words = [operation.summary, operation.description, who]
    .filter((text) => text !== undefined)
    .map((text) => text.replace(/\.$/, ''))
    .join('. ')
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

/** What is said of a field; of one that may be null it is said inside. */
function describe(document: Document, unresolved: Schema): string {
  const schema = resolve(document, unresolved)
  if (schema?.description !== undefined) return schema.description
  const told = (schema?.anyOf ?? []).map((choice) => describe(document, choice)).filter((text) => text !== '')
  return told.length === 1 ? (told[0] ?? '') : ''
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
