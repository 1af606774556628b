// A batch as each vendor's clients read it, and a line of its results. Pure.
import type { Static } from 'typebox'
import type { Failure } from '../../base/errors.ts'
import type { BatchStatus } from '../../database/file-tables.ts'
import type { BatchJob, BatchObject, JobStatus } from '../../wire/batches.ts'
import { errorBody } from '../../wire/failure.ts'
import { seconds, secondsOrNull } from '../../wire/times.ts'
import type { BatchRow } from './store.ts'
import type { BatchFault } from './validate.ts'

/** A batch in OpenAI's shape. */
export function batchObject(batch: BatchRow): Static<typeof BatchObject> {
  const { status } = batch
  const ended = (as: BatchStatus) => (status === as ? secondsOrNull(batch.ended_at) : null)
  const faults = status === 'failed' ? (JSON.parse(batch.errors ?? '[]') as BatchFault[]) : []
  return {
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    model: batch.model,
    errors: faults.length === 0 ? null : { object: 'list', data: faults },
    input_file_id: (JSON.parse(batch.input_files) as string[])[0] ?? '',
    completion_window: batch.completion_window,
    status,
    output_file_id: batch.output_file,
    error_file_id: batch.error_file,
    created_at: seconds(batch.created_at),
    in_progress_at: secondsOrNull(batch.started_at),
    expires_at: seconds(batch.expires_at),
    finalizing_at: secondsOrNull(batch.finalizing_at),
    completed_at: ended('completed'),
    failed_at: ended('failed'),
    expired_at: ended('expired'),
    cancelling_at: secondsOrNull(batch.cancelling_at),
    cancelled_at: ended('cancelled'),
    request_counts: { total: batch.total, completed: batch.succeeded, failed: batch.failed },
    usage: {
      input_tokens: batch.input_tokens,
      input_tokens_details: { cached_tokens: batch.cached_tokens },
      output_tokens: batch.output_tokens,
      output_tokens_details: { reasoning_tokens: batch.reasoning_tokens },
      total_tokens: batch.input_tokens + batch.output_tokens,
    },
    cost: batch.currency === null ? null : { nano_units: batch.cost, currency: batch.currency },
    metadata: batch.metadata === null ? null : JSON.parse(batch.metadata),
  }
}

const jobStatusOf: Readonly<Record<BatchStatus, JobStatus>> = {
  validating: 'QUEUED',
  in_progress: 'RUNNING',
  finalizing: 'RUNNING',
  completed: 'SUCCESS',
  failed: 'FAILED',
  expired: 'TIMEOUT_EXCEEDED',
  cancelling: 'CANCELLATION_REQUESTED',
  cancelled: 'CANCELLED',
}

/** Our statuses that one of Mistral's stands for. */
export function statusesOf(status: JobStatus): BatchStatus[] {
  return (Object.keys(jobStatusOf) as BatchStatus[]).filter((own) => jobStatusOf[own] === status)
}

/** A batch in Mistral's shape, with its results where they are asked for. */
export function batchJob(batch: BatchRow, outputs: Record<string, unknown>[] | null = null): Static<typeof BatchJob> {
  return {
    id: batch.id,
    object: 'batch',
    input_files: JSON.parse(batch.input_files) as string[],
    metadata: batch.metadata === null ? null : JSON.parse(batch.metadata),
    endpoint: batch.endpoint,
    model: batch.model,
    agent_id: null,
    output_file: batch.output_file,
    error_file: batch.error_file,
    errors: jobErrors(batch),
    outputs,
    status: jobStatusOf[batch.status],
    created_at: seconds(batch.created_at),
    total_requests: batch.total,
    completed_requests: batch.succeeded + batch.failed,
    succeeded_requests: batch.succeeded,
    failed_requests: batch.failed,
    started_at: secondsOrNull(batch.started_at),
    completed_at: secondsOrNull(batch.ended_at),
  }
}

/** Faults of lines with their numbers, or the tally of what went wrong. */
function jobErrors({ errors, status }: BatchRow): { message: string; count: number }[] {
  const entries = JSON.parse(errors ?? '[]') as (BatchFault | { message: string; count: number })[]
  if (status !== 'failed') return entries as { message: string; count: number }[]
  return (entries as BatchFault[]).map(({ line, message }) => ({
    message: line === null ? message : `Line ${line}: ${message}`,
    count: 1,
  }))
}

/** What a line's result is named by. */
export interface ResultName {
  readonly requestId: string
  readonly customId: string | null
}

/** The result of a line that was answered. */
export function answeredLine({ requestId, customId }: ResultName, body: object): string {
  const response = { status_code: 200, request_id: requestId, body }
  return JSON.stringify({ id: `batch_req_${requestId}`, custom_id: customId, response, error: null })
}

/** The result of a line that was refused, as the live request would have been. */
export function refusedLine({ requestId, customId }: ResultName, failure: Failure): string {
  const response = { status_code: failure.status, request_id: requestId, body: errorBody(failure) }
  return JSON.stringify({ id: `batch_req_${requestId}`, custom_id: customId, response, error: null })
}

/** The result of a line that was never answered. */
export function unansweredLine({ requestId, customId }: ResultName, code: string, message: string): string {
  return JSON.stringify({ id: `batch_req_${requestId}`, custom_id: customId, response: null, error: { code, message } })
}
