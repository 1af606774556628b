// `galerne serve`: starts the server, says how to use it, and stops it when asked to.
import { setFlagsFromString } from 'node:v8'
import type { Command } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { compileCacheVariable } from '../../base/compile-cache.ts'
import { childEnvironment, withOrigin } from '../../base/config.ts'
import { createLog, type Log } from '../../base/log.ts'
import { describePlan } from '../../engine/plan.ts'
import { SpareEngine } from '../../engine/spare.ts'
import type { Running } from '../../main.ts'
import { greeting } from '../greeting.ts'
import { type ProgressDisplay, progressDisplay } from '../progress.ts'
import { addJson, addSettings, configFrom } from '../settings.ts'

/** Adds the command. */
export function addServeCommand(program: Command): void {
  const command = program
    .command('serve')
    .summary('serve models behind the OpenAI and Mistral APIs')
    .description(
      'Starts the server. The first start fetches the starter model and makes a key. Every setting can also stand in\n' +
        'galerne.yaml (port: 7000) or in a variable (GALERNE_PORT=7000); "galerne config" shows what is in force.',
    )
    .action(async (options: Record<string, unknown>) => {
      await serve(options, options['json'] === true)
    })
  addJson(addSettings(command))
}

async function serve(options: Readonly<Record<string, unknown>>, json: boolean): Promise<void> {
  const { config, origins } = configFrom(options)
  keepYoungGenerationSmall()
  const spare = new SpareEngine(childEnvironment(compileCacheVariable()))
  // The server's modules are loaded while the engine's process opens its libraries.
  const { start } = await import('../../main.ts')
  const log = createLog({ level: config.logLevel })
  const pulls = pullDisplay()
  const giveUp = new AbortController()
  const asked = stopRequests(log, () => giveUp.abort(new Error('Stopped before the server listened.')))
  // Also where the start fails: a process that nobody took would keep this one alive.
  const running = await start(config, {
    ...{ log, spare, signal: giveUp.signal },
    ...(!json && { onPull: pulls.show }),
  })
    .catch((error: unknown) => {
      throw withOrigin(error, origins)
    })
    .finally(() => spare.end())
  pulls.end()
  process.stdout.write(json ? `${JSON.stringify(facts(running))}\n` : `${greeting(greetingOf(running))}\n`)
  await asked
  log.info({ drainTimeout: config.drainTimeout }, 'stopping: running answers may finish')
  await running.stop()
}

/**
 * V8 grows its young generation under load and keeps it. Kept small, 10,000 malformed bodies left the server at 159 MB, where it
 * had been 162 MB after the first thousand; without, it went from 218 to 251 MB.
 */
function keepYoungGenerationSmall(): void {
  setFlagsFromString('--max-semi-space-size=8')
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** One Ctrl-C may arrive twice: from the terminal and from the process in between. */
const echoMs = 1_000

/** Resolves at the first SIGTERM or SIGINT, and calls `early` too. A second Ctrl-C ends the process at once. */
function stopRequests(log: Log, early: () => void): Promise<void> {
  return new Promise((resolve) => {
    let askedAt: number | undefined
    const stop = (signal: NodeJS.Signals) => {
      const now = systemClock.elapsed()
      askedAt ??= now
      if (signal === 'SIGINT' && now - askedAt > echoMs) {
        log.warn('asked a second time: ending without waiting for running answers')
        process.exit(130)
      }
      early()
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
}

/** One display per model, made when its pull first reports. */
function pullDisplay(): { show(model: string, progress: Parameters<ProgressDisplay['show']>[0]): void; end(): void } {
  const displays = new Map<string, ProgressDisplay>()
  return {
    show(model, progress) {
      const display = displays.get(model) ?? progressDisplay(model)
      displays.set(model, display)
      display.show(progress)
      if (progress.phase === 'done') display.end()
    },
    end() {
      for (const display of displays.values()) display.end()
    },
  }
}

/** The greeting for programs. */
function facts({ url, newKey, keyFile, models, plans }: Running) {
  return { url, key: newKey ?? null, keyFile, models: models.map(({ name }) => name), plans }
}

function greetingOf({ url, newKey, keyFile, models, plans }: Running) {
  const [first] = models.filter((model) => model.capabilities.chat)
  return { url, newKey, keyFile, model: first?.name ?? models[0]?.name ?? '', plan: plans.flatMap(describePlan) }
}
