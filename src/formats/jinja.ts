// Runs a GGUF's chat template under limits of time and size. A template is hostile input: it may loop, refuse, or fail, and each becomes a 4xx.

import { createContext, Script } from 'node:vm'
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja'
import { systemClock } from '../base/clock.ts'
import { Failure, fail } from '../base/errors.ts'

/** Time for one rendering. A long conversation takes milliseconds; only an endless loop takes this long. */
const renderLimitMs = 2_000
/** On a machine that stood still or gave this thread no time the clock proves nothing: it is tried again with more of it, so often. */
const furtherTries = 2
const furtherPatience = 4
/** What a template may add to its inputs: default system prompts and markers are a few KiB. */
const addedLengthLimit = 4_000_000
/** Elements of one `range()`; templates count messages or calls with it. */
const rangeLimit = 100_000

/** A template with a fault in it is kept, and says so at each use. */
export interface ChatTemplate {
  readonly source: string
  /**
   * @param variables what the template sees, plain values
   * @param inputLength characters the variables hold: the output may be a small multiple of it
   * @throws Failure `template_rejected` with the template's own message; its field `endless` tells that another try would take as long
   */
  render(variables: Readonly<Record<string, unknown>>, inputLength: number): string
}

/** Parses a template once. */
export function compileTemplate(source: string): ChatTemplate {
  let parsed: ReturnType<typeof parse> | undefined
  let fault = ''
  try {
    parsed = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }))
  } catch (error) {
    fault = `it cannot be parsed (${messageOf(error)}).`
  }
  return {
    source,
    render(variables, inputLength) {
      const program = parsed
      if (program === undefined) throw fail('template_rejected', { reason: fault })
      const result = withinTime(() => new Interpreter(environmentOf(variables)).run(program))
      const text = 'value' in result && typeof result.value === 'string' ? result.value : ''
      if (text.length > inputLength * 4 + addedLengthLimit) {
        throw fail('template_rejected', { reason: 'its output is far longer than the conversation.' })
      }
      return text
    },
  }
}

function environmentOf(variables: Readonly<Record<string, unknown>>): Environment {
  const environment = new Environment()
  const constants = { true: true, True: true, false: false, False: false, none: null, None: null }
  for (const [name, value] of Object.entries(constants)) environment.set(name, value)
  environment.set('raise_exception', (message: unknown) => {
    throw fail('template_rejected', { reason: String(message) })
  })
  environment.set('range', boundedRange)
  environment.set('strftime_now', (format: unknown) => formatTime(new Date(systemClock.now()), String(format)))
  for (const [name, value] of Object.entries(variables)) environment.set(name, value)
  return environment
}

const sandbox = createContext({ run: undefined as (() => unknown) | undefined })
const script = new Script('run()')

/** `vm` is here for its watchdog alone: it ends any JavaScript that runs too long, ours included. */
function withinTime<Result>(run: () => Result): Result {
  sandbox['run'] = run
  try {
    for (let tries = 0; ; tries++) {
      const before = process.threadCpuUsage()
      try {
        return script.runInContext(sandbox, { timeout: renderLimitMs * furtherPatience ** tries }) as Result
      } catch (error) {
        const { user, system } = process.threadCpuUsage(before)
        const hasRun = (user + system) / 1000 >= renderLimitMs / 2
        if (hasRun || tries === furtherTries || !isTimeout(error)) throw error
      }
    }
  } catch (error) {
    if (error instanceof Failure) throw error
    const endless = isTimeout(error)
    const reason = endless ? `it ran longer than ${renderLimitMs} ms.` : `it failed: ${messageOf(error)}`
    throw fail('template_rejected', { reason, endless }, error)
  } finally {
    sandbox['run'] = undefined
  }
}

function isTimeout(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 300) : 'unknown fault'
}

function boundedRange(start: number, stop?: number, step?: number): number[] {
  const from = stop === undefined ? 0 : start
  const to = stop ?? start
  // Keyword arguments arrive as an object after the positional ones.
  const by = typeof step === 'number' ? step : 1
  const length = Math.max(0, Math.ceil((to - from) / by))
  if (!(length <= rangeLimit)) throw new Error(`range() of ${length} elements`)
  return Array.from({ length }, (_, index) => from + index * by)
}

const months = 'January February March April May June July August September October November December'.split(' ')
const days = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')

/** Python's `strftime` for the fields that chat templates use, in local time and English. */
export function formatTime(date: Date, format: string): string {
  const two = (value: number) => value.toString().padStart(2, '0')
  const month = months[date.getMonth()] ?? ''
  const day = days[date.getDay()] ?? ''
  const fields: Record<string, string> = {
    Y: date.getFullYear().toString(),
    y: two(date.getFullYear() % 100),
    m: two(date.getMonth() + 1),
    d: two(date.getDate()),
    B: month,
    b: month.slice(0, 3),
    A: day,
    a: day.slice(0, 3),
    H: two(date.getHours()),
    I: two(date.getHours() % 12 || 12),
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    p: date.getHours() < 12 ? 'AM' : 'PM',
    '%': '%',
  }
  return format.replace(/%-?([A-Za-z%])/g, (whole, letter: string) => {
    const text = fields[letter]
    if (text === undefined) return whole
    return whole.startsWith('%-') ? text.replace(/^0/, '') : text
  })
}
