// What commands share that speak with a running server: where it is, one connection, and answers as JSON. Knows no noun of the product.
import type { Command } from 'commander'
import { type Connection, connect } from './connection.ts'
import { addJson, addSettings, configFrom } from './settings.ts'

/** A command's parsed options. */
export type Options = Readonly<Record<string, unknown>>

/** Adds the flags that say where the server is, and `--json`. */
export function addRemote(command: Command): Command {
  command.option('--url <address>', 'Address of the server; found by itself when it runs on this machine.')
  return addJson(addSettings(command, ['home', 'host', 'port', 'api-key']))
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
  const answer = await server.send(path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) })
  return (await answer.json()) as Answer
}

/** Collects an option that may be given again. */
export function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}
