// Usage rows on the way to the database, in a file of this process: a killed server leaves them, and the next start writes them. Knows no table.
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../../base/log.ts'
import type { UsageRecord } from './row.ts'

/** The file. */
export interface UsageJournal {
  /** When it returns the record outlives this process. About 10 µs: the operating system's memory, not the disk. */
  append(record: UsageRecord): void
  /** Only these are not yet in the database. */
  keep(left: readonly UsageRecord[]): void
  /** Removes the file; what was not written must have been kept elsewhere, so call it only with nothing left. */
  remove(): void
}

const name = /^usage-(\d+)\.journal$/

/** Beyond this many bytes a file that is never empty is written anew with what is left. */
const largest = 8 * 1024 * 1024

/** Rows that are written together when they are found. */
const batch = 500

/**
 * Writes what earlier processes in this home left (a row that is there already changes nothing) and opens this one's file, mode 0600.
 * Throws where `write` does: then everything stays for the next start.
 */
export async function openUsageJournal(
  home: string,
  { write, log }: { readonly write: (records: readonly UsageRecord[]) => Promise<void>; readonly log: Log },
): Promise<UsageJournal> {
  const path = join(home, `usage-${process.pid}.journal`)
  for (const file of readdirSync(home).filter((file) => name.test(file))) {
    const records = readRecords(join(home, file))
    for (let start = 0; start < records.length; start += batch) await write(records.slice(start, start + batch))
    if (records.length > 0) log.warn({ calls: records.length }, 'usage of a server that ended early is written')
    if (!isOthers(Number(name.exec(file)?.[1]))) rmSync(join(home, file), { force: true })
  }
  return journalAt(path, log)
}

/** Whether another server in this home may still write to its file. */
function isOthers(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function readRecords(path: string): readonly UsageRecord[] {
  return readFileSync(path, 'utf8').split('\n').flatMap(parse)
}

/** A line that was not written whole belongs to a call that nobody was told the end of. */
function parse(line: string): readonly UsageRecord[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as UsageRecord]
  } catch {
    return []
  }
}

function journalAt(path: string, log: Log): UsageJournal {
  let file = openSync(path, 'a', 0o600)
  let bytes = 0
  const anew = (left: readonly UsageRecord[]) => {
    const lines = left.map((record) => `${JSON.stringify(record)}\n`).join('')
    writeFileSync(`${path}.new`, lines, { mode: 0o600 })
    const fresh = openSync(`${path}.new`, 'a', 0o600)
    renameSync(`${path}.new`, path)
    closeSync(file)
    file = fresh
    bytes = Buffer.byteLength(lines)
  }
  // The rows are still on their way to the database: a disk that is full takes away the second way, not the first.
  const attempt = (action: () => void) => {
    try {
      action()
    } catch (error) {
      log.error({ error, path }, 'the journal of usage cannot be written')
    }
  }
  return {
    append: (record) => attempt(() => (bytes += writeSync(file, `${JSON.stringify(record)}\n`))),
    keep(left) {
      if (left.length > 0 && bytes < largest) return
      attempt(() => {
        if (left.length > 0) return anew(left)
        ftruncateSync(file)
        bytes = 0
      })
    },
    remove() {
      closeSync(file)
      rmSync(path, { force: true })
    },
  }
}
