// Reads a multipart form as it arrives: its one file goes to disk, its fields into a record. Vendors' clients order the parts differently.
import type { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { fail } from '../../base/errors.ts'

/** A file of a form, still arriving. */
export interface FormFile {
  readonly filename: string
  readonly mimetype: string
  readonly stream: Readable
}

/** What a form held besides its file. */
export type FormFields = Readonly<Record<string, string>>

// A form is a file and some short words.
const limits = {
  files: 1,
  fields: 16,
  parts: 20,
  fieldSize: 4096,
  fieldNameSize: 100,
  fileSize: Number.POSITIVE_INFINITY,
}

/**
 * Walks a form. `take` gets the file of the field `name`, and the fields that came before it; what it gives is given back with all fields,
 * or handed to `undo` where what follows it is no form.
 * Throws `unsupported_media_type` for what is no form and `invalid_value` for one that is broken or lacks its file.
 */
export async function readForm<Taken>(
  request: FastifyRequest,
  name: string,
  take: (file: FormFile, fields: FormFields) => Promise<Taken>,
  undo: (taken: Taken) => Promise<void> = async () => {},
): Promise<{ readonly fields: FormFields; readonly taken: Taken }> {
  if (!request.isMultipart()) {
    const contentType = (request.headers['content-type'] ?? '').slice(0, 100)
    throw fail('unsupported_media_type', { contentType, wanted: 'multipart/form-data' })
  }
  const fields: Record<string, string> = {}
  let taken: { readonly value: Taken } | undefined
  try {
    for await (const part of request.parts({ limits })) {
      if (part.type === 'field') {
        if (typeof part.value !== 'string') throw invalid(part.fieldname, 'it must be text')
        fields[part.fieldname] = part.value
      } else if (part.fieldname === name) {
        const filename = baseName(part.filename)
        taken = { value: await take({ filename, mimetype: part.mimetype, stream: part.file }, fields) }
      } else {
        part.file.resume()
        throw invalid(part.fieldname, `the file must be in the field "${name}"`)
      }
    }
  } catch (error) {
    linger(request.raw)
    if (taken !== undefined) await undo(taken.value)
    throw named(error, name)
  }
  if (taken === undefined) throw invalid(name, 'it is missing')
  return { fields, taken: taken.value }
}

/** Names come with folders from some clients; what remains is a name and nothing that a terminal or a header would act on. */
function baseName(given: string | undefined): string {
  const name = (given ?? '').split(/[/\\]/).at(-1) ?? ''
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is taken out.
  const printable = name.replace(/[\u0000-\u001f\u007f]/g, '')
  // Half a character at the cut goes too.
  return printable.slice(0, 255).replace(/[\ud800-\udbff]$/, '') || 'file'
}

// For a client that reads the answer only when it has sent everything; after that the socket goes.
const lingerMs = 10_000

/** The answer goes out before the form has arrived: what still comes is thrown away for a while, not kept. */
export function linger(raw: FastifyRequest['raw']): void {
  if (raw.complete || raw.destroyed) return
  raw.unpipe()
  raw.resume()
  const timer = setTimeout(() => raw.destroy(), lingerMs)
  raw.once('close', () => clearTimeout(timer))
}

const invalid = (param: string, reason: string) => fail('invalid_value', { param: param.slice(0, 100), reason })

/** The parser's own errors say what is wrong with the form; ours and the file system's stay as they are. */
function named(error: unknown, name: string): unknown {
  if (!(error instanceof Error) || error.name === 'Failure') return error
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'FST_FILES_LIMIT') return invalid('form', 'it must hold one file')
  if (code.startsWith('FST_') && /LIMIT|PROTO|JSON/.test(code)) return invalid('form', error.message)
  if (/multipart|part terminated|unexpected end|premature|malformed|boundary/i.test(`${code} ${error.message}`)) {
    return fail('invalid_value', { param: name, reason: 'the form breaks off before its end' }, error)
  }
  return error
}
