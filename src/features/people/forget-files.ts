// Forgets a person's files: those that only they could see go with their bytes. Those that others see too stay unless they are to go, and it is
// told which they are and whether their bytes name the person: whoever answers for the workspace decides.
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/tables.ts'
import type { Files } from '../files/files.ts'

/** What becomes of files that others see too. */
export type SharedFiles = 'keep' | 'delete'

/** A file that is still there. */
export interface SharedFile {
  readonly id: string
  readonly workspace: string
  /** Whether its bytes hold the person's id or address; null: they could not be read. */
  readonly names: boolean | null
}

/** What became of the files. */
export interface ForgottenFiles {
  /** Files that are gone. */
  readonly files: number
  /** Files that the person uploaded and the workspace shares, and results of their batches. */
  readonly sharedFiles: readonly SharedFile[]
}

/** What is looked for, and where. */
export interface FileSearch {
  readonly query: Kysely<Tables>
  readonly files: Pick<Files, 'drop' | 'read'> | undefined
  readonly owner: string
  /** Finds the person's names, whole. */
  readonly pattern: RegExp
  readonly shared: SharedFiles
}

/** Forgets them. Call it while the rows still say who owns them. */
export async function forgetFiles({ query, files, owner, pattern, shared }: FileSearch): Promise<ForgottenFiles> {
  const theirs = await filesOf(query, owner)
  if (files === undefined || theirs.length === 0) return { files: 0, sharedFiles: [] }
  const isGoing = ({ visibility }: (typeof theirs)[number]) => visibility === 'user' || shared === 'delete'
  const going = theirs.filter(isGoing).map(({ id }) => id)
  let gone = 0
  if (going.length > 0) {
    await files.drop(async (within) => {
      const dropped = await within.deleteFrom('files').where('id', 'in', going).returning('content').execute()
      gone = dropped.length
      return dropped.map(({ content }) => content)
    })
  }
  const sharedFiles: SharedFile[] = []
  for (const { id, workspace, content } of theirs.filter((file) => !isGoing(file))) {
    const names = await isNamed(await files.read(content).catch(() => undefined), pattern)
    sharedFiles.push({ id, workspace, names })
  }
  return { files: gone, sharedFiles }
}

async function filesOf(query: Kysely<Tables>, owner: string) {
  const batches = await query
    .selectFrom('batches')
    .select(['output_file', 'error_file'])
    .where('owner', '=', owner)
    .execute()
  const results = batches.flatMap(({ output_file, error_file }) =>
    [output_file, error_file].filter((id) => id !== null),
  )
  return await query
    .selectFrom('files')
    .select(['id', 'workspace', 'visibility', 'content'])
    .where(({ or, eb }) => or([eb('owner', '=', owner), ...(results.length > 0 ? [eb('id', 'in', results)] : [])]))
    .orderBy('id')
    .execute()
}

/** Longer than any name, so that one across two pieces is found. */
const overlap = 1024

async function isNamed(bytes: AsyncIterable<Buffer> | undefined, pattern: RegExp): Promise<boolean | null> {
  if (bytes === undefined) return null
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const piece of bytes) {
      text += decoder.decode(piece, { stream: true })
      if (text.search(pattern) >= 0) return true
      text = text.slice(-overlap)
    }
    return false
  } catch {
    return null
  }
}
