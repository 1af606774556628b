// Writes the reference page of errors from the one table of them.
import { type FailureFields, fail, failureCodes } from '../../src/base/errors.ts'

/** `docs/reference/errors.md`. */
export function errorsPage(): string {
  const sections = failureCodes.map((code) => {
    const failure = fail(code, placeholders)
    const again = failure.retryable ? 'the same request may succeed later' : 'the same request fails again'
    return `## \`${code}\`\n\nStatus ${failure.status}, type \`${failure.type}\`; ${again}.\n\n> ${failure.message}\n`
  })
  const intro = `# Errors

Every error of the API has a stable \`code\`. OpenAI clients read it as \`error.code\` of \`{"error": {"message", "type", "param", "code"}}\`; the
same body carries \`message\`, \`type\`, \`param\` and \`code\` at its top for Mistral clients. Names in ‹ › are filled in.
`
  return `${intro}\n${sections.join('\n')}`
}

/** Shows each field of a message by its name. */
const placeholders: FailureFields = new Proxy({}, { get: (_, name) => `‹${String(name)}›` })
