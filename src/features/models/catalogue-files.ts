// Short ways to write the files of a catalogue model: a repository that holds one file per quantisation, named by a pattern.

import type { WeightsFile } from './catalogue-schema.ts'

/** What is known of one file beyond its name. */
export type FileFacts = Pick<WeightsFile, 'bytes' | 'published' | 'sha256'> & {
  /** Commit of the repository; `main` without one. */
  readonly revision?: string
  /** How many files it is cut into; one without it. */
  readonly parts?: number
}

/**
 * One file per quantisation, in this order. `pattern` holds `{q}` for the quantisation, upper case: `Model-{q}.gguf`. A model in parts
 * gets `-00001-of-0000n` before its ending. `folder` may hold `{q}` too.
 */
export function hubFiles(
  repository: string,
  pattern: string,
  quantisations: Readonly<Record<string, FileFacts>>,
  folder = '',
): WeightsFile[] {
  return Object.entries(quantisations).map(([quantisation, { revision = 'main', parts = 1, ...facts }]) => {
    const whole = pattern.replace('{q}', quantisation)
    const part = `-00001-of-${String(parts).padStart(5, '0')}.gguf`
    const file = parts > 1 ? whole.replace(/\.gguf$/, part) : whole
    const path = folder === '' || parts === 1 ? file : `${folder.replace('{q}', quantisation)}/${file}`
    return { quantisation, file, ...facts, sources: [{ type: 'hub', repository, revision, file: path }] }
  })
}
