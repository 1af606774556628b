// Opens the doors: routes over everything else, and the work that goes on behind them.
import { rm, writeFile } from 'node:fs/promises'
import { childEnvironment } from '../base/config.ts'
import { addressFile } from '../base/home.ts'
import { version } from '../base/version.ts'
import { openBatches } from '../features/batches/batches.ts'
import { invitesByMail } from '../features/members/invite-mail.ts'
import { Pulls } from '../features/models/pull-jobs.ts'
import { ownFigures } from '../features/organisation/figures.ts'
import { machineDevices } from '../features/plans/machine.ts'
import { openPrompts } from '../features/prompts/open.ts'
import { openOidc } from '../features/sessions/open-oidc.ts'
import { listen } from '../http/listen.ts'
import { createServer } from '../http/server.ts'
import type { Caller } from '../wire/exchange.ts'
import type { Accounts } from './accounts.ts'
import type { Engines } from './engine.ts'
import type { Ground } from './ground.ts'
import type { Models } from './models.ts'
import type { Store } from './store.ts'

/** Opens them when the models are ready; gives the address. */
export async function openServer(
  ground: Ground,
  { pulling, first }: Engines,
  store: Store,
  { usage, money, traces }: Accounts,
  { pool, registry, routing, local, metrics, ready }: Models,
): Promise<string> {
  const { config, log, clock, environment, egress, opened } = ground
  const { database, reader, keys, acts, files } = store
  const prompts = openPrompts(database, clock)
  opened.push(() => prompts.close())
  const batches = openBatches({
    ...{ database, files: files.files, registry, clock, log, fillPrompt: prompts.fill },
    usageKept: () => usage.writer.flush(),
    graceMs: config.drainTimeout,
  })
  opened.push(() => batches.stop())
  const pulls = new Pulls({ pulling, catalogue: first.catalogue, clock, log })
  const oidc = await openOidc(config, { egress, clock, environment })
  const mailInvite = invitesByMail(config, { egress, log })
  const models = (caller: Caller) => registry.list(caller).map(({ name }) => name)
  const server = await createServer({
    ...{ config, registry, files, traces, prompts, keys, acts, routing, money, pulls, batches, log, clock, metrics },
    ...(oidc !== undefined && { oidc }),
    ...(mailInvite !== undefined && { mailInvite }),
    figures: ownFigures({ query: reader.query, limits: money.limits, models, clock }),
    accounting: { ...usage, limits: money.limits },
    local: { models: local, home: config.home, devices: machineDevices(childEnvironment()) },
    engines: () => pool.metrics(),
    version,
  })
  // Batches end their running lines while live answers end.
  opened.push(() => Promise.all([server.drain.stop(config.drainTimeout), batches.stop()]))
  // Who watches a pull would hold the server open.
  opened.push(() => pulls.close())
  await ready()
  batches.start()
  const url = await listen(server, config)
  await writeFile(addressFile(config.home), `${url}\n`, { mode: 0o600 })
  opened.push(() => rm(addressFile(config.home), { force: true }))
  return url
}
