// The thread where rules of redaction run: a long text takes its time here, and no request waits for it.
import { parentPort } from 'node:worker_threads'
import { type Redaction, redactValue } from './redaction.ts'

/** What the thread is asked: values to black out. */
export interface RedactionQuestion {
  readonly rules: Redaction
  readonly values: readonly unknown[]
}

/** The values, blacked out, in the same order. */
export interface RedactionAnswer {
  readonly values: readonly unknown[]
}

parentPort?.on('message', ({ rules, values }: RedactionQuestion) => {
  parentPort?.postMessage({ values: values.map((value) => redactValue(value, rules)) } satisfies RedactionAnswer)
})
