// What commands share that speak with a running server: where it is, one connection, and answers as JSON. Knows no noun of the product.
import type { Command } from 'commander'
import type { SettingName } from '../base/config-schema.ts'
import { fail } from '../base/errors.ts'
import { type Connection, connect } from './connection.ts'
import { addJson, addSettings, configFrom } from './settings.ts'

/** A command's parsed options. */
export type Options = Readonly<Record<string, unknown>>

/** Adds the flags that say where the server is, and `--json`; `more` are settings that the command reads besides. */
export function addRemote(command: Command, more: readonly SettingName[] = []): Command {
  command.option('--url <address>', 'Address of the server; found by itself when it runs on this machine.')
  return addJson(addSettings(command, ['home', 'host', 'port', 'api-key', ...more]))
}

/** Runs `work` with a connection to the server and closes it. */
export async function withServer<Result>(
  options: Options,
  work: (server: Connection) => Promise<Result>,
): Promise<Result> {
  const url = options['url']
  const server = await connect(configFrom(options), typeof url === 'string' ? url : undefined)
  try {
    return await work(server)
  } finally {
    await server.close()
  }
}

/** The JSON of an answer, in the shape that the caller states: the schemas in src/wire are the source. */
export async function ask<Answer>(
  server: Connection,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: object,
): Promise<Answer> {
  const answer = await server.send(path, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body, demandNumbers) }),
  })
  return (await answer.json()) as Answer
}

/** JSON has no word for what is no number but null, which takes a limit away: a slip of the finger must not. */
function demandNumbers(name: string, value: unknown): unknown {
  if (typeof value !== 'number' || Number.isFinite(value)) return value
  throw fail('invalid_value', { param: name, reason: 'it must be a number' })
}

/** Every item of a list, page by page. */
export async function askAll<Item>(server: Connection, path: string): Promise<Item[]> {
  const items: Item[] = []
  for (let after = ''; ; ) {
    const page = await ask<{ data: Item[]; has_more: boolean; last_id: string | null }>(
      server,
      'GET',
      `${path}${path.includes('?') ? '&' : '?'}limit=100${after}`,
    )
    items.push(...page.data)
    if (!page.has_more || page.last_id === null) return items
    after = `&after=${encodeURIComponent(page.last_id)}`
  }
}

/** A day for tables: `2026-11-26`, and a dash for none. */
export function dayOf(seconds: number | null | undefined): string {
  // The workspace that is there from the start was made at no time.
  return typeof seconds === 'number' && seconds > 0 ? new Date(seconds * 1000).toISOString().slice(0, 10) : '–'
}

/** Seconds of a span as people write it: `90s`, `30m`, `12h`, `30d`. Throws for anything else. */
export function spanSeconds(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count === undefined) throw new Error(`"${text}" is no span of time: write it as 90s, 30m, 12h or 30d.`)
  return Number(count) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? 1)
}

/** Collects an option that may be given again. */
export function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}
