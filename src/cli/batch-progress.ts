// Shows how far a batch is: done, failed, tokens a second, time left, cost so far. One line on a terminal, a line at each tenth elsewhere.
import type { Clock } from '../base/clock.ts'
import type { Batch } from './batch-client.ts'
import { formatSeconds } from './terminal.ts'

/** A running display. */
export interface BatchDisplay {
  show(batch: Batch): void
  /** Ends the line on a terminal. */
  end(): void
}

interface Sight {
  readonly at: number
  readonly settled: number
  readonly tokens: number
}

/** Speed is that of the last minute: a batch gives way to live traffic, and what it did an hour ago tells nothing. */
const memoryMs = 60_000

/** Starts a display on standard error. */
export function batchDisplay(clock: Clock, stream: NodeJS.WriteStream = process.stderr): BatchDisplay {
  const onTerminal = stream.isTTY === true
  let sights: Sight[] = []
  let spoken = ''
  return {
    show(batch) {
      const { completed, failed, total } = batch.request_counts
      const now = { at: clock.elapsed(), settled: completed + failed, tokens: batch.usage.output_tokens }
      sights = [...sights.filter(({ at }) => now.at - at < memoryMs), now]
      const text = describeFigures(batch, speedOf(sights))
      if (onTerminal) {
        // The id stands above, or was typed, and what counts up is in progress: the figures must fit into 80 columns.
        const figures = total > 0 ? text.replace(/^in_progress {2}/, '') : text
        stream.write(`\r\u001b[K${figures.slice(0, stream.columns > 1 ? stream.columns - 1 : undefined)}`)
        return
      }
      const step = `${batch.status} ${total === 0 ? 0 : Math.floor((10 * now.settled) / total)}`
      if (step !== spoken) stream.write(`${batch.id}  ${text}\n`)
      spoken = step
    },
    end() {
      if (onTerminal && sights.length > 0) stream.write('\n')
      sights = []
    },
  }
}

interface Speed {
  readonly tokensPerSecond: number
  readonly linesPerSecond: number
}

function speedOf(sights: readonly Sight[]): Speed {
  const [first, last] = [sights[0], sights.at(-1)]
  const seconds = first === undefined || last === undefined ? 0 : (last.at - first.at) / 1000
  if (first === undefined || last === undefined || seconds <= 0) return { tokensPerSecond: 0, linesPerSecond: 0 }
  return {
    tokensPerSecond: (last.tokens - first.tokens) / seconds,
    linesPerSecond: (last.settled - first.settled) / seconds,
  }
}

/** A batch that is not followed: `batch_…  completed  1997 of 2000 done, 3 failed  0.000412 USD`. */
export function describeBatch(batch: Batch): string {
  return `${batch.id}  ${describeFigures(batch, { tokensPerSecond: 0, linesPerSecond: 0 })}`
}

/** `in_progress  412 of 2000 done, 3 failed  57.1 tok/s  4m 10s left  0.000412 USD`. */
function describeFigures(batch: Batch, { tokensPerSecond, linesPerSecond }: Speed): string {
  const { completed, failed, total } = batch.request_counts
  const left = total - completed - failed
  const parts: string[] = [batch.status]
  if (total > 0) parts.push(`${completed} of ${total} done${failed === 0 ? '' : `, ${failed} failed`}`)
  if (tokensPerSecond > 0) parts.push(`${tokensPerSecond.toFixed(1)} tok/s`)
  if (batch.status === 'in_progress' && linesPerSecond > 0) parts.push(`${formatSeconds(left / linesPerSecond)} left`)
  if (batch.cost !== null) parts.push(formatCost(batch.cost))
  return parts.join('  ')
}

/** Nano-units as money, with as many places as are needed. */
export function formatCost({ nano_units, currency }: NonNullable<Batch['cost']>): string {
  const digits = String(nano_units).padStart(10, '0')
  const fraction = digits.slice(-9).replace(/0+$/, '').padEnd(2, '0')
  return `${digits.slice(0, -9)}.${fraction} ${currency}`
}
