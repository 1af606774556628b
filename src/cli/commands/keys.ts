// `galerne keys`: makes, lists, replaces and revokes keys of a running server.
import type { Command } from 'commander'
import type { Static } from 'typebox'
import { systemClock } from '../../base/clock.ts'
import type { CreatedKeyObject, KeyObject } from '../../wire/keys.ts'
import { addRemote, ask, askAll, collect, dayOf, type Options, spanSeconds, withServer } from '../remote.ts'
import { printResult, table } from '../terminal.ts'

type Key = Static<typeof KeyObject>
type CreatedKey = Static<typeof CreatedKeyObject>

/** Adds the command with its subcommands. */
export function addKeysCommand(program: Command): void {
  const keys = program.command('keys').summary('make, list, replace and revoke API keys')
  const listing = keys.command('list').summary('list the keys').option('--all', 'Revoked and expired ones too.')
  addRemote(listing.action(list))
  const creating = keys
    .command('create <name>')
    .summary('make a key and print it, once')
    .option('--role <role>', 'What it may do: owner, admin, billing, member or viewer.', 'member')
    .option('--organisation', 'Its role counts in the whole organisation, not in one workspace.')
    .option('--workspace <id>', 'The workspace it belongs to; without it the one of your key.')
    .option('--user <id>', 'The person it is for.')
    .option('--service-account <id>', 'The service account it is for.')
    .option('--model <name>', 'The only model it may use. Can be given again.', collect)
    .option(
      '--endpoint <path>',
      'The only path it may call, /v1/chat/completions or /v1/*. Can be given again.',
      collect,
    )
    .option('--ip-range <range>', 'The only address or network it may be used from. Can be given again.', collect)
    .option('--expires-in <span>', 'When it stops: 12h, 30d. Never without it.')
  addRemote(creating.action(create))
  const rotating = keys
    .command('rotate <id>')
    .summary('make a key that takes the place of another')
    .option('--overlap <span>', 'How long the old one goes on: 0s, 12h.', '1d')
  addRemote(rotating.action(rotate))
  addRemote(keys.command('revoke <id>').summary('revoke a key, at once').action(revoke))
}

async function list(options: Options): Promise<void> {
  const data = await withServer(options, (server) => askAll<Key>(server, '/galerne/v1/keys'))
  const shown = data.filter((key) => options['all'] === true || !/^(revoked|expired)$/.test(stateOf(key)))
  printResult(options['json'] === true, shown, () =>
    table([
      ['id', 'name', 'role', 'workspace', 'ends with', 'made', 'last used', 'expires', ''],
      ...shown.map((key) => [
        ...[key.id, key.name, key.role, key.reach === 'organisation' ? '(all)' : key.workspace, `…${key.hint}`],
        ...[dayOf(key.created_at), dayOf(key.last_used_at), dayOf(key.expires_at), stateOf(key)],
      ]),
    ]),
  )
}

function stateOf(key: Key): string {
  if (key.revoked_at !== null) return 'revoked'
  if (key.expires_at !== null && key.expires_at * 1000 <= systemClock.now()) return 'expired'
  return key.replaced_by === null ? '' : `replaced by ${key.replaced_by}`
}

async function create(name: string, options: Options): Promise<void> {
  const span = options['expiresIn']
  const made = await withServer(options, (server) =>
    ask<CreatedKey>(server, 'POST', '/galerne/v1/keys', {
      ...{ name, role: options['role'], workspace: options['workspace'], user_id: options['user'] },
      ...{ service_account_id: options['serviceAccount'], models: options['model'], endpoints: options['endpoint'] },
      ip_ranges: options['ipRange'],
      ...(options['organisation'] === true && { reach: 'organisation' }),
      ...(typeof span === 'string' && { expires_at: Math.floor(systemClock.now() / 1000) + spanSeconds(span) }),
    }),
  )
  printSecret(options, made)
}

async function rotate(id: string, options: Options): Promise<void> {
  const overlap_seconds = spanSeconds(String(options['overlap']))
  const path = `/galerne/v1/keys/${encodeURIComponent(id)}/rotate`
  printSecret(
    options,
    await withServer(options, (server) => ask<CreatedKey>(server, 'POST', path, { overlap_seconds })),
  )
}

function printSecret(options: Options, made: CreatedKey): void {
  printResult(
    options['json'] === true,
    made,
    () => `${made.secret}\n\nThis is ${made.id}. Keep it now: it is not shown again.`,
  )
}

async function revoke(id: string, options: Options): Promise<void> {
  const path = `/galerne/v1/keys/${encodeURIComponent(id)}`
  const key = await withServer(options, (server) => ask<Key>(server, 'DELETE', path))
  printResult(options['json'] === true, key, () => `${key.id} (${key.name}) is revoked.`)
}
