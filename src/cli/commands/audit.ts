// `galerne audit`: who administered what on a running server, whether that log is whole, and all of it for keeping elsewhere.
import type { Command } from 'commander'
import type { Static } from 'typebox'
import type { AuditVerification, MistralAuditLog } from '../../wire/audit.ts'
import { addRemote, ask, type Options, withServer } from '../remote.ts'
import { printResult, table } from '../terminal.ts'

/** Adds the command with its subcommands. */
export function addAuditCommand(program: Command): void {
  const audit = program.command('audit').summary('read, check and export the log of administrative acts')
  const listing = audit
    .command('list')
    .summary('list the latest acts')
    .option('--limit <number>', 'How many.', '20')
    .option('--action <name>', 'Only these, such as api_key.created.')
  addRemote(listing.action(list))
  const verifying = audit
    .command('verify')
    .summary('check that no entry was changed, added or cut off')
    .description(
      'Recomputes every hash of the log. It prints the number and hash of the last entry: kept elsewhere and given to a later check,\n' +
        'they prove that nothing before them was rewritten since. Exit code 1 where something is wrong.',
    )
    .option('--sequence <number>', 'Number of an entry whose hash was kept.')
    .option('--hash <hash>', 'Its hash.')
  addRemote(verifying.action(verify))
  const exporting = audit
    .command('export')
    .summary('print the whole log with its hashes')
    .option('--format <format>', 'jsonl or csv.', 'jsonl')
  addRemote(exporting.action(exportAll))
}

async function list(options: Options): Promise<void> {
  const action = options['action']
  const query = new URLSearchParams({ limit: String(options['limit']) })
  if (typeof action === 'string') query.set('event_type', action)
  const entries = await withServer(options, (server) =>
    ask<Static<typeof MistralAuditLog>[]>(server, 'GET', `/v1/admin/audit-logs?${query}`),
  )
  printResult(options['json'] === true, entries, () =>
    table([
      ['number', 'when', 'act', 'by', 'of', 'workspace'],
      ...entries.map((entry) => {
        const { email, user_uuid, id } = entry.actor_metadata as Record<string, string | null>
        return [
          ...[String(entry.log_id), entry.created_at, entry.event_type, email ?? user_uuid ?? id ?? '–'],
          ...[(entry.target_metadata as { id: string }).id, entry.workspace_uuid ?? '–'],
        ]
      }),
    ]),
  )
}

async function verify(options: Options): Promise<void> {
  const { sequence, hash } = options
  const query = new URLSearchParams()
  if (typeof sequence === 'string') query.set('sequence', sequence)
  if (typeof hash === 'string') query.set('hash', hash)
  const found = await withServer(options, (server) =>
    ask<Static<typeof AuditVerification>>(server, 'GET', `/galerne/v1/audit/verify?${query}`),
  )
  printResult(options['json'] === true, found, () =>
    found.fault === null
      ? `The audit log is whole: ${found.entries} entries, the last with hash ${found.head}.`
      : `The audit log is broken at entry ${found.fault.sequence}: ${found.fault.reason}. ${found.entries} entries before it are whole.`,
  )
  if (!found.valid) process.exitCode = 1
}

async function exportAll(options: Options): Promise<void> {
  const format = options['json'] === true ? 'jsonl' : String(options['format'])
  await withServer(options, async (server) => {
    const answer = await server.send(`/galerne/v1/audit/export?format=${encodeURIComponent(format)}`)
    for await (const piece of answer.body) process.stdout.write(piece)
  })
}
