// `galerne workspaces`: makes, lists, renames and archives the workspaces of a running server.
import type { Command } from 'commander'
import type { Static } from 'typebox'
import type { Project } from '../../wire/organization.ts'
import { addRemote, ask, askAll, dayOf, type Options, withServer } from '../remote.ts'
import { printResult, table } from '../terminal.ts'

type Workspace = Static<typeof Project>
const root = '/v1/organization/projects'

/** Adds the command with its subcommands. */
export function addWorkspacesCommand(program: Command): void {
  const workspaces = program.command('workspaces').summary('make, list, rename and archive workspaces')
  const listing = workspaces.command('list').summary('list the workspaces').option('--all', 'Archived ones too.')
  addRemote(
    listing.action(async (options: Options) => {
      const query = options['all'] === true ? '?include_archived=true' : ''
      const found = await withServer(options, (server) => askAll<Workspace>(server, `${root}${query}`))
      printResult(options['json'] === true, found, () =>
        table([
          ['id', 'name', 'made', ''],
          ...found.map(({ id, name, created_at, status }) => [
            id,
            name,
            dayOf(created_at),
            status === 'active' ? '' : status,
          ]),
        ]),
      )
    }),
  )
  addRemote(
    workspaces
      .command('create <name>')
      .summary('make a workspace')
      .action((name: string, options: Options) => change(options, root, { name }, 'is there')),
  )
  addRemote(
    workspaces
      .command('rename <id> <name>')
      .summary('give a workspace another name')
      .action((id: string, name: string, options: Options) =>
        change(options, `${root}/${encodeURIComponent(id)}`, { name }, 'is renamed'),
      ),
  )
  addRemote(
    workspaces
      .command('archive <id>')
      .summary('let nobody in any more; what it holds stays')
      .action((id: string, options: Options) =>
        change(options, `${root}/${encodeURIComponent(id)}/archive`, {}, 'is archived'),
      ),
  )
}

async function change(options: Options, path: string, body: object, done: string): Promise<void> {
  const workspace = await withServer(options, (server) => ask<Workspace>(server, 'POST', path, body))
  printResult(options['json'] === true, workspace, () => `${workspace.id} (${workspace.name}) ${done}.`)
}
