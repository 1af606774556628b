// Asks the engine's library, in a process of its own, what models would take.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Answer, Question } from '../../engine/simulate.ts'

const run = promisify(execFile)
const script = join(import.meta.dirname, '../../engine/simulate.ts')

/** One answer for each question, in order. */
export async function simulate<Asked extends Question>(
  questions: readonly Asked[],
): Promise<readonly Extract<Answer, { type: Asked['type'] }>[]> {
  const { stdout } = await run(process.execPath, [script, JSON.stringify(questions)], { maxBuffer: 2 ** 24 })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Extract<Answer, { type: Asked['type'] }>)
}
