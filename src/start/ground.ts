// What every part of a start stands on: the settings, the clock, the log, the one way out.
import { access, constants } from 'node:fs/promises'
import type { Clock } from '../base/clock.ts'
import { type Config, processEnvironment } from '../base/config.ts'
import { createEgress, type Egress } from '../base/egress.ts'
import { fail } from '../base/errors.ts'
import { makeHome } from '../base/home.ts'
import type { Log } from '../base/log.ts'
import { nothingOpened, type Opened } from './opened.ts'

/** The ground of one server. */
export interface Ground {
  readonly config: Config
  readonly log: Log
  readonly clock: Clock
  readonly environment: ReturnType<typeof processEnvironment>
  readonly egress: Egress
  readonly opened: Opened
}

/** Lays it. Throws, before anything slow, where a setting names what cannot be had. */
export async function layGround(config: Config, { log, clock }: Pick<Ground, 'log' | 'clock'>): Promise<Ground> {
  await checkCertificate(config)
  await prepareHome(config)
  const opened = nothingOpened(log)
  const egress = createEgress({ clock })
  opened.push(() => egress.close())
  return { config, log, clock, environment: processEnvironment(), egress, opened }
}

async function prepareHome({ home }: Config): Promise<void> {
  try {
    await makeHome(home)
  } catch (error) {
    throw fail('invalid_value', { param: 'home', reason: `${home} cannot be made: ${(error as Error).message}` }, error)
  }
}

/** A file that cannot be read is told with its setting's name. */
async function checkCertificate({ tlsCert, tlsKey }: Config): Promise<void> {
  for (const [param, path] of [
    ['tls-cert', tlsCert],
    ['tls-key', tlsKey],
  ] as const) {
    if (path === undefined) continue
    await access(path, constants.R_OK).catch((error: Error) => {
      throw fail('invalid_value', { param, reason: `${path} cannot be read: ${error.message}` }, error)
    })
  }
}
