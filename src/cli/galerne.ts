// The `galerne` command: runs the command line and decides how faults are shown.
import { ConfigError } from '../base/config.ts'
import { createProgram } from './program.ts'

/** Exit codes: 1 something failed, 2 the settings or the command line are wrong. */
function report(error: unknown): number {
  if (error instanceof ConfigError) {
    process.stderr.write('These settings are wrong:\n')
    for (const { origin, message } of error.faults) process.stderr.write(`  ${origin}: ${message}\n`)
    return 2
  }

  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  return 1
}

try {
  const program = await createProgram(process.argv[2])
  await program.parseAsync(process.argv)
} catch (error) {
  process.exitCode = report(error)
}
