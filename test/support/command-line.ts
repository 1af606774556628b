// Runs the command line to its end, as a user would, in a process of its own.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const launcher = fileURLToPath(new URL('../../bin/galerne.js', import.meta.url))

/** How a command ended, and what it printed. */
export interface Outcome {
  readonly code: number
  readonly output: string
  readonly errors: string
}

/** Runs `galerne` with these arguments and this data folder. Never rejects: a command that fails has a code. */
export async function runGalerne(home: string, given: readonly string[]): Promise<Outcome> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [launcher, ...given, '--home', home])
    return { code: 0, output: stdout, errors: stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, output: stdout, errors: stderr }
  }
}
