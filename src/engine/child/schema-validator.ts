// Asks the validating thread about schemas and answers, under a time limit. Knows no grammar.

import { fail } from '../../base/errors.ts'
import { LimitedWorker } from '../../base/limited-worker.ts'
import { programUrl } from '../../base/program-files.ts'
import { guidanceLimits } from './guidance-limits.ts'
import type { SchemaAnswer } from './schema-faults.ts'
import type { SchemaQuestion } from './schema-worker.ts'

/** Ajv in a thread of its own. */
export class SchemaValidator {
  readonly #worker = new LimitedWorker<SchemaAnswer>({
    script: programUrl('engine/child/schema-worker'),
    heapMegabytes: guidanceLimits.validationHeapMegabytes,
    idleMilliseconds: guidanceLimits.idleMs,
    greeting: { message: async (): Promise<SchemaQuestion> => ({ schema: 'true' }), milliseconds: 30_000 },
  })

  /** @throws Failure `invalid_value` or `unsupported_value` naming `param` and the keyword's path, when Ajv cannot enforce the schema */
  async check(schema: string, param: string): Promise<void> {
    const answer = await this.#ask({ schema })
    if (answer === undefined) {
      throw fail('unsupported_value', {
        param,
        reason: `checking the schema takes more than ${guidanceLimits.validationMs} ms; make it smaller`,
      })
    }
    if (answer.type === 'invalid') throw fail('invalid_value', { param: param + answer.path, reason: answer.reason })
    if (answer.type === 'unsupported')
      throw fail('unsupported_value', { param: param + answer.path, reason: answer.reason })
  }

  /** Why the JSON text does not satisfy a checked schema; undefined when it does. An answer that takes too long does not. */
  async fault(schema: string, text: string): Promise<string | undefined> {
    const answer = await this.#ask({ schema, answer: text })
    if (answer === undefined) return `checking it takes more than ${guidanceLimits.validationMs} ms`
    return answer.type === 'good' ? undefined : `${answer.path || 'the answer'}: ${answer.reason}`
  }

  stop(): Promise<void> {
    return this.#worker.stop()
  }

  #ask(question: SchemaQuestion): Promise<SchemaAnswer | undefined> {
    return this.#worker.ask(question, guidanceLimits.validationMs)
  }
}
