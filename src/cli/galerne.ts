// The `galerne` command: runs the command line and decides how faults are shown.
import { ConfigError } from '../base/config.ts'
import { Failure } from '../base/errors.ts'
import { createProgram } from './program.ts'

/** Exit codes: 1 something failed, 2 the settings are wrong. With --json the fault is JSON too, on standard error. */
function report(error: unknown): number {
  if (process.argv.includes('--json')) {
    process.stderr.write(`${JSON.stringify({ error: faultObject(error) })}\n`)
    return error instanceof ConfigError ? 2 : 1
  }
  if (error instanceof ConfigError) {
    process.stderr.write('These settings are wrong:\n')
    for (const { origin, message } of error.faults) process.stderr.write(`  ${origin}: ${message}\n`)
    return 2
  }
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  return 1
}

function faultObject(error: unknown): object {
  if (error instanceof ConfigError) return { code: 'wrong_settings', message: error.message, faults: error.faults }
  const message = error instanceof Error ? error.message : String(error)
  return error instanceof Failure ? { code: error.code, message, param: error.param } : { message }
}

try {
  const program = await createProgram(process.argv[2])
  await program.parseAsync(process.argv)
} catch (error) {
  process.exitCode = report(error)
}
