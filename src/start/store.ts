// Opens what lasts: the database, who may come in by it, and files.
import { databaseFile } from '../base/home.ts'
import { connect, type Database } from '../database/connect.ts'
import { createNotices, type Notices } from '../database/notices.ts'
import { openReader, type Reader } from '../database/reader.ts'
import { type Acts, createActs } from '../features/audit/acts.ts'
import { type OpenFiles, openFiles } from '../features/files/open.ts'
import { type FirstKey, firstKey } from '../features/keys/first.ts'
import { type KeyVerifier, keyVerifier } from '../features/keys/verify.ts'
import type { Ground } from './ground.ts'

/** What lasts. */
export interface Store {
  readonly database: Database
  readonly notices: Notices
  /** For what reads much. */
  readonly reader: Reader
  readonly key: FirstKey
  readonly keys: KeyVerifier
  readonly acts: Acts
  readonly files: OpenFiles
}

/** Opens it; the first start makes a key. */
export async function openStore({ config, log, clock, environment, opened }: Ground): Promise<Store> {
  const database = await connect(config.databaseUrl ?? `sqlite:${databaseFile(config.home)}`)
  opened.push(() => database.close())
  const notices = await createNotices(database, { log })
  opened.push(() => notices.close())
  const { home, apiKey } = config
  const key = await firstKey(database, clock, { home, ...(apiKey !== undefined && { given: apiKey }) })
  const files = await openFiles({ config, database, environment, clock, log })
  opened.push(() => files.close())
  const reader = openReader(database)
  opened.push(() => reader.close())
  const keys = keyVerifier(database, clock, notices)
  return { database, notices, reader, key, keys, acts: createActs(database, clock, notices, keys.forget), files }
}
