// Opens the file store that the settings name, with everything over it. Called once per start.
import type { Clock } from '../../base/clock.ts'
import type { Config } from '../../base/config.ts'
import { createEgress } from '../../base/egress.ts'
import { fileFolder, spoolFolder } from '../../base/home.ts'
import type { Log } from '../../base/log.ts'
import type { Database } from '../../database/connect.ts'
import type { Contents } from './contents.ts'
import { diskContents } from './disk.ts'
import { createFiles, type Files } from './files.ts'
import { readS3Place, s3Contents } from './s3.ts'
import { fileStore } from './store.ts'
import { startSweep } from './sweep.ts'
import { createUploads, type Uploads } from './uploads.ts'

/** What is needed to open files. */
export interface OpenFilesOptions {
  readonly config: Pick<Config, 'home' | 'uploadLimit' | 'bodyLimit'> & {
    readonly fileStore?: string | undefined
    /** 0, as without it: no limit. */
    readonly fileQuota?: number
    readonly batchFileLife?: number
  }
  readonly database: Pick<Database, 'query' | 'dialect'>
  /** Holds the keys of an S3 store. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: Log
}

/** Open files. */
export interface OpenFiles {
  readonly files: Files
  readonly uploads: Uploads
  /** Ends the sweep and closes connections. */
  close(): Promise<void>
}

/** Opens files. A line of JSONL may be as long as a request's body: it is one. */
export async function openFiles(options: OpenFilesOptions): Promise<OpenFiles> {
  const { config, database, clock, log } = options
  const { contents, close } = await openContents(options)
  const folder = spoolFolder(config.home)
  const store = fileStore(database)
  const { fileQuota = 0, batchFileLife = 0 } = config
  const files = createFiles({
    ...{ store, contents, spoolFolder: folder, longestLine: config.bodyLimit, clock },
    ...(fileQuota > 0 && { quota: fileQuota }),
    ...(batchFileLife > 0 && { batchLife: batchFileLife }),
  })
  const uploads = createUploads({ database, files, clock, limit: config.uploadLimit })
  const onError = (error: unknown) => log.warn({ error }, 'the sweep of files failed and is tried again')
  const sweep = startSweep({ files, uploads, contents, spoolFolder: folder, clock, onError })
  return {
    files,
    uploads,
    async close() {
      await sweep.stop()
      await close()
    },
  }
}

async function openContents(options: OpenFilesOptions): Promise<{ contents: Contents; close: () => Promise<void> }> {
  const { config, environment, clock } = options
  if (config.fileStore === undefined) return { contents: diskContents(fileFolder(config.home)), close: async () => {} }
  const egress = createEgress({ clock })
  const contents = await s3Contents(readS3Place(config.fileStore, environment), egress)
  return { contents, close: () => egress.close() }
}
