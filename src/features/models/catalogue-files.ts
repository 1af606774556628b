// Short ways to write the files of a catalogue model: a repository that holds one file per quantisation, named by a pattern.

import type { WeightsFile } from './catalogue-schema.ts'

/** What is known of one file beyond its name. */
type FileFacts = Pick<WeightsFile, 'bytes' | 'sha256'> & {
  /** Commit of the repository; `main` without one. */
  readonly revision?: string
  /** How many files it is cut into; one without it. */
  readonly parts?: number
  /** Size that the repository's listing shows, in GB of 10⁹ bytes. */
  readonly listed?: number
}

/** Where files lie. Their names hold `{q}` for the quantisation, or `{q-}` for it in small letters with dashes. */
interface Place {
  readonly repository: string
  readonly pattern: string
  /** Of models in parts. */
  readonly folder?: string
  /** Repositories that hold files of the same names, asked where the first one cannot give one. */
  readonly mirrors?: readonly string[]
}

/** When the listings were read. */
const listedOn = '2026-11-26'

/** One file per quantisation, in this order. A model in parts gets `-00001-of-0000n` before its ending. */
export function hubFiles(place: Place, quantisations: Readonly<Record<string, FileFacts>>): WeightsFile[] {
  const { repository, mirrors = [] } = place
  return Object.entries(quantisations).map(([quantisation, facts]) => {
    const { revision = 'main', parts = 1, listed, bytes, sha256 } = facts
    const named = (text: string) =>
      text.replace('{q}', quantisation).replace('{q-}', quantisation.toLowerCase().replaceAll('_', '-'))
    const part = `-00001-of-${String(parts).padStart(5, '0')}.gguf`
    const file = parts > 1 ? named(place.pattern).replace(/\.gguf$/, part) : named(place.pattern)
    const path = place.folder === undefined || parts === 1 ? file : `${named(place.folder)}/${file}`
    return {
      quantisation,
      file,
      ...(bytes !== undefined && { bytes }),
      ...(sha256 !== undefined && { sha256 }),
      ...(listed !== undefined && {
        published: { gigabytes: listed, from: { source: `https://huggingface.co/${repository}`, date: listedOn } },
      }),
      sources: [
        { type: 'hub', repository, revision, file: path },
        ...mirrors.map((mirror) => ({ type: 'hub' as const, repository: mirror, revision: 'main', file: path })),
      ],
    }
  })
}
