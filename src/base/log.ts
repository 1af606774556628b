// Makes the log: pino's JSON lines, or readable lines on a terminal. Secrets are masked here; prompts are never handed to it.
import { pino } from 'pino'
import { colorsWanted } from './config.ts'

/** The log that is handed down as an argument. Call it with fields first: `log.info({ model }, 'loaded')`. */
export type Log = pino.Logger

/** Levels in `log-level`, least important first. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/** Where lines go: standard error by default, so that standard output stays for answers. */
export interface LogDestination {
  write(line: string): unknown
}

// Names under which a secret might be logged by mistake, at the top and one level down.
const secretNames = [
  'authorization',
  'cookie',
  'apiKey',
  'api-key',
  'secret',
  'token',
  'password',
  'databaseUrl',
  'hubToken',
]
const redactedPaths = secretNames.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.headers["${name}"]`])

/** A log at `level`. Lines are readable when `readable`, which is by default when standard error is a terminal. */
export function createLog(options: { level: LogLevel; readable?: boolean; destination?: LogDestination }): Log {
  const destination = options.destination ?? process.stderr
  const readable = options.readable ?? (options.destination === undefined && process.stderr.isTTY === true)
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: null,
    redact: { paths: redactedPaths, censor: '********' },
    serializers: { err: pino.stdSerializers.err, error: pino.stdSerializers.err },
    formatters: { level: (label) => ({ level: label }) },
  }
  if (!readable) return pino({ ...settings, timestamp: pino.stdTimeFunctions.isoTime }, destination)
  const colors = colorsWanted()
  return pino(settings, { write: (line: string) => destination.write(readableLine(line, colors)) })
}

const colorOf: Readonly<Record<string, number>> = { trace: 90, debug: 90, info: 36, warn: 33, error: 31, fatal: 31 }

/** `{"level":"info","time":…,"msg":"loaded","model":"x"}` → `12:01:30 info  loaded  model=x`. */
function readableLine(line: string, colors: boolean): string {
  const { level, time, msg, err, error, ...fields } = JSON.parse(line) as Record<string, unknown>
  const paint = (code: number, text: string) => (colors ? `\u001b[${code}m${text}\u001b[0m` : text)
  const rest = Object.entries(fields).map(([name, value]) => paint(90, `${name}=${show(value)}`))
  const clock = new Date(Number(time)).toTimeString().slice(0, 8)
  const label = paint(colorOf[String(level)] ?? 0, String(level).padEnd(5))
  const head = [paint(90, clock), label, String(msg ?? ''), ...rest].join(' ')
  const fault = (err ?? error) as { stack?: string; message?: string } | undefined
  return fault === undefined ? `${head}\n` : `${head}\n${fault.stack ?? fault.message ?? show(fault)}\n`
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /[\s"]/.test(text) ? JSON.stringify(text) : text
}
