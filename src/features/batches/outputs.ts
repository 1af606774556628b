// The results of a batch that has ended, read back from its files into one answer. Knows no HTTP.
import { fail } from '../../base/errors.ts'
import type { Files } from '../files/files.ts'
import { linesOf } from '../files/lines.ts'
import type { Viewer } from '../files/store.ts'
import type { BatchRow } from './store.ts'

// An answer in one piece must fit into memory several times over.
const mostBytes = 32 * 1024 * 1024

/** Every result that the viewer may see, those that failed last; null while there are none. Throws `invalid_value` where they are too many for one answer. */
export async function readOutputs(
  { output_file, error_file }: BatchRow,
  files: Files,
  viewer: Viewer,
): Promise<Record<string, unknown>[] | null> {
  const ids = [output_file, error_file].filter((id) => id !== null)
  if (ids.length === 0) return null
  const outputs: Record<string, unknown>[] = []
  let bytes = 0
  for (const id of ids) {
    // Deleted or expired results are gone; the job's other facts are not.
    const file = await files.get(viewer, id).catch(() => undefined)
    if (file === undefined) continue
    bytes += file.bytes
    if (bytes > mostBytes) {
      const reason = `the results are larger than ${mostBytes} bytes; read the output file instead`
      throw fail('invalid_value', { param: 'inline', reason })
    }
    const source = (await files.read(file.content)) as AsyncIterable<Buffer>
    for await (const line of linesOf(source, mostBytes)) outputs.push(JSON.parse(line.bytes.toString('utf8')))
  }
  return outputs
}
