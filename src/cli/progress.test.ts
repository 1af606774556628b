// How far a pull is, on terminals of several widths and in a log.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PullProgress } from '../features/models/pull-progress.ts'
import { progressDisplay } from './progress.ts'

const label = 'hf:bartowski/Mistral-Nemo-Instruct-2407-GGUF:Mistral-Nemo-Instruct-2407-Q4_K_M.gguf'
const half: PullProgress = {
  ...{ phase: 'downloading', source: 'huggingface.co/bartowski/Mistral-Nemo-Instruct-2407-GGUF' },
  ...{ receivedBytes: 3_738_604_096, totalBytes: 7_477_208_192, bytesPerSecond: 35_600_000, secondsLeft: 105 },
}

function shown(columns: number, isTTY: boolean, progress: PullProgress = half, name = label): string {
  let written = ''
  const write = (text: string) => {
    written += text
  }
  progressDisplay(name, { isTTY, columns, write } as unknown as NodeJS.WriteStream).show(progress)
  return written.replace('\r\u001b[K', '')
}

test('rate and time left are seen however long the name of the model is', () => {
  assert.equal(shown(80, true), '…ct-2407-Q4_K_M.gguf ██████░░░░░░ 50%  3.7 GB of 7.5 GB  35.6 MB/s  1m 45s left')
  assert.match(shown(60, true), /^… ██████░░░░░░ 50% {2}3\.7 GB of 7\.5 GB {2}35\.6 MB\/s {2}1m 45s lef/)
  assert.match(shown(140, true), /^….*Q4_K_M\.gguf █{12}░{12} 50% .* 1m 45s left/)
  assert.match(
    shown(80, true, { ...half, phase: 'connecting' }),
    /^…[\w.-]+gguf {2}connecting to huggingface\.co\/bart/,
  )
  assert.match(shown(80, true, half, 'mistral-7b'), /^mistral-7b ██████░░░░░░ 50% .* left {2}from hug/)
})

test('a log has all of it', () => {
  assert.ok(shown(0, false).startsWith(`${label} █`))
})
