// What tests of pulled weights share: a hub with some files, a folder for each test, and pulls from the one into the other.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach } from 'node:test'
import { createEgress } from '../../src/base/egress.ts'
import type { PullOptions } from '../../src/features/models/pull.ts'
import { startHub, type TestHub } from './hub.ts'

/** Pulls of one test file. */
export interface Pulling {
  /** Runs from the first test to the last. */
  readonly hub: TestHub
  /** The test's own, empty at its beginning. */
  readonly folder: string
  /** Into `folder/<home>`, with a cache of Hugging Face's beside it that all homes of the folder share. */
  options(home: string): PullOptions
}

/** Starts a hub that `fill` puts files into before the tests of this file, and ends it after them. */
export function pullFromHub(fill: (hub: TestHub) => void): Pulling {
  const egress = createEgress()
  let hub: TestHub
  let folder = ''
  before(async () => {
    hub = await startHub()
    fill(hub)
  })
  after(async () => {
    await hub.close()
    await egress.close()
  })
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'galerne-pulls-'))
    hub.requests.length = 0
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))
  return {
    get hub() {
      return hub
    },
    get folder() {
      return folder
    },
    options: (home) => ({ home: join(folder, home), hubCache: join(folder, 'cache'), egress, hubUrl: hub.url }),
  }
}
