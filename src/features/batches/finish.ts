// Ends a batch: results and errors become files, what was used is given back. Each step is done once, whoever repeats it after a crash.
import type { Clock } from '../../base/clock.ts'
import type { BatchStatus } from '../../database/file-tables.ts'
import type { FileDetails, Files } from '../files/files.ts'
import { batchRequestId } from '../usage/batch-calls.ts'
import type { LineRow, LineStore } from './lines.ts'
import { type BatchRow, type BatchStore, openStatuses } from './store.ts'
import type { BatchFault } from './validate.ts'
import { unansweredLine } from './views.ts'

/** What ending needs. */
export interface FinishParts {
  readonly files: Files
  readonly lines: LineStore
  readonly store: BatchStore
  readonly clock: Clock
}

type Outcome = Extract<BatchStatus, 'completed' | 'failed' | 'expired' | 'cancelled'>

// OpenAI's codes and words for lines that nobody answered.
const unanswered: Readonly<Partial<Record<Outcome, readonly [code: string, message: string]>>> = {
  expired: ['batch_expired', 'This request could not be executed before the completion window expired.'],
  cancelled: ['batch_cancelled', 'This request was not executed: the batch was cancelled.'],
}

const pageLength = 200
const mostMessages = 20

/** Ends a batch that nobody works on any more; with faults it has failed before it began. */
export async function finishBatch(
  batch: BatchRow,
  parts: FinishParts,
  faults: readonly BatchFault[] = [],
): Promise<void> {
  const { store, lines, clock } = parts
  const outcome = await outcomeOf(batch, lines, faults)
  if (outcome === 'completed') {
    await store.update(batch.id, ['in_progress'], { status: 'finalizing', finalizing_at: clock.now() })
  }
  // Lines count once they have all been read.
  if (batch.total > 0) {
    await keepResults(batch, parts, outcome, 'output_file')
    await keepResults(batch, parts, outcome, 'error_file')
  }
  const errors = outcome === 'failed' ? faults : await lines.tally(batch.id, mostMessages)
  await end(batch, parts, { status: outcome, errors: JSON.stringify(errors), ended_at: clock.now() })
  await clear(batch.id, parts)
}

async function outcomeOf(batch: BatchRow, lines: LineStore, faults: readonly BatchFault[]): Promise<Outcome> {
  if (faults.length > 0) return 'failed'
  if (batch.cancelling_at !== null) return 'cancelled'
  return batch.started_at === null || (await lines.anyWaiting(batch.id)) ? 'expired' : 'completed'
}

/** Makes one of the two files, unless it was made before; without lines there is none. */
async function keepResults(
  batch: BatchRow,
  { files, lines, store, clock }: FinishParts,
  outcome: Outcome,
  column: 'output_file' | 'error_file',
): Promise<void> {
  if (batch[column] !== null) return
  let count = 0
  const [code, message] = unanswered[outcome] ?? ['internal_error', 'This request was not executed.']
  const textOf = ({ number, attempts, custom_id, output }: LineRow) =>
    output ??
    unansweredLine({ requestId: batchRequestId(batch.id, number, attempts), customId: custom_id }, code, message)
  async function* texts() {
    const kind = column === 'output_file' ? 'succeeded' : 'others'
    let last = 0
    for (;;) {
      const page = await lines.page(batch.id, kind, last, pageLength)
      if (page.length === 0) return
      last = page.at(-1)?.number ?? last
      count += page.length
      yield Buffer.from(page.map((line) => `${textOf(line)}\n`).join(''))
    }
  }
  const spooled = await files.spool(texts(), { bytes: Number.POSITIVE_INFINITY, setting: '' })
  if (count === 0) return spooled.discard()
  const details = { ...detailsOf(batch, column, clock), visibility: await visibilityOf(batch, files, clock) }
  await files.keep({ ...spooled, lines: count }, details, async (within, { id }) => {
    // A worker that lost its lease while it wrote finds that another one was here.
    if (await store.nameResults(batch.id, column, id, within)) return
    throw new Error(`the results of batch ${batch.id} were written by another worker`)
  })
}

/** Answers tell what was asked: results are for whom the input was for. An input that is gone may have been for its owner alone. */
async function visibilityOf(
  { workspace, owner, input_files }: BatchRow,
  files: Files,
  clock: Clock,
): Promise<FileDetails['visibility']> {
  for (const id of JSON.parse(input_files) as string[]) {
    const file = await files.store.find({ workspace, id: owner }, id, clock.now())
    if (file?.visibility !== 'workspace') return 'user'
  }
  return 'workspace'
}

function detailsOf(
  batch: BatchRow,
  column: 'output_file' | 'error_file',
  clock: Clock,
): Omit<FileDetails, 'visibility'> {
  const isOutput = column === 'output_file'
  return {
    workspace: batch.workspace,
    owner: batch.owner,
    filename: `${batch.id}_${isOutput ? 'output' : 'error'}.jsonl`,
    purpose: batch.dialect === 'openai' ? 'batch_output' : 'batch',
    sample_type: isOutput ? 'batch_result' : 'batch_error',
    source: 'mistral',
    mimetype: 'application/jsonl',
    expires_at: batch.output_expires_after === null ? null : clock.now() + batch.output_expires_after,
  }
}

/** The last write: from here on the batch has ended. */
async function end(
  { id }: BatchRow,
  { files, store }: FinishParts,
  change: Pick<BatchRow, 'status' | 'errors' | 'ended_at'>,
): Promise<void> {
  await files.drop(async (within) => {
    const row = await within.selectFrom('batches').select('inputs').where('id', '=', id).executeTakeFirst()
    const ended = await store.update(id, openStatuses, { ...change, inputs: '[]' }, within)
    return ended && row !== undefined ? (JSON.parse(row.inputs) as string[]) : []
  })
}

/** Removes the lines of a batch that has ended, and the batch itself where that is wished. */
export async function clear(id: string, { store }: Pick<FinishParts, 'store'>): Promise<void> {
  while (await store.removeLines(id));
  const batch = await store.read(id)
  if (batch?.deleted === 1) await store.remove(id)
}
