// Reads the compiled llguidance module from the package and proves that it is the one that was built. Knows no vocabulary.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { projectFolder } from '../../base/program-files.ts'

const folder = join(projectFolder, 'native/guidance')

let loading: Promise<WebAssembly.Module> | undefined

/** The module, compiled once a process. Rejects when the file is not the one whose hash stands beside it. */
export function guidanceModule(): Promise<WebAssembly.Module> {
  loading ??= load()
  return loading
}

async function load(): Promise<WebAssembly.Module> {
  const [bytes, line] = await Promise.all([
    readFile(join(folder, 'guidance.wasm')),
    readFile(join(folder, 'guidance.wasm.sha256'), 'utf8'),
  ])
  const expected = line.split(' ')[0]
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== expected) {
    throw new Error(
      `guidance.wasm has sha256 ${found}, expected ${expected}: the file is damaged, install the package again`,
    )
  }
  return WebAssembly.compile(bytes)
}
