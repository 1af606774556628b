// `galerne members`: the people of a running server, who is invited, and their roles.
import type { Command } from 'commander'
import type { Static } from 'typebox'
import type { InviteCreated, OrganizationUser, ProjectUser } from '../../wire/organization.ts'
import type { PersonForgotten } from '../../wire/people.ts'
import { addRemote, ask, askAll, collect, dayOf, type Options, withServer } from '../remote.ts'
import { printResult, table } from '../terminal.ts'

type Person = Static<typeof OrganizationUser>
const users = '/v1/organization/users'

/** Adds the command with its subcommands. */
export function addMembersCommand(program: Command): void {
  const members = program.command('members').summary('invite and list people, give and take roles')
  const listing = members.command('list').summary('list the people')
  addRemote(listing.option('--workspace <id>', 'Those of one workspace.').action(list))
  addRemote(
    members
      .command('invite <email>')
      .summary('invite somebody, and print the link to hand on')
      .option('--role <role>', 'In the organisation: owner, admin, billing or member.', 'member')
      .option('--workspace <id=role>', 'A workspace and the role there. Can be given again.', collect)
      .action(invite),
  )
  addRemote(
    members
      .command('role <user> <role>')
      .summary('give a role in the organisation, or in a workspace')
      .option('--workspace <id>', 'In this workspace: admin, billing, member or viewer.')
      .action(setRole),
  )
  addRemote(
    members
      .command('remove <user>')
      .summary('remove a person and all that is known of them, or from one workspace')
      .option('--workspace <id>', 'From this workspace alone.')
      .action(remove),
  )
  addRemote(
    members
      .command('forget <person>')
      .summary("delete one person's data")
      .description(
        'By the id or the e-mail address of somebody who is here, or by the id that clients gave their end user. Keys and sessions end;\n' +
          'what was said, private files and private prompts go; counts and money stay and name nobody. Shared files that they uploaded, and\n' +
          'results of their batches, stay and are listed. Backups, exports, mails and what was sent elsewhere are not reached: delete those\n' +
          'yourself, and run this again after a restore.',
      )
      .option('--shared-files', 'Delete the shared files that they uploaded, and results of their batches, too.')
      .action(forget),
  )
}

async function list(options: Options): Promise<void> {
  const workspace = options['workspace']
  const json = options['json'] === true
  if (typeof workspace === 'string') {
    const found = await withServer(options, (server) => askAll<Static<typeof ProjectUser>>(server, placeOf(workspace)))
    return printResult(json, found, () =>
      table([
        ['id', 'e-mail', 'name', 'role', 'since'],
        ...found.map(({ id, email, name, role, added_at }) => [id, email, name, role, dayOf(added_at)]),
      ]),
    )
  }
  const found = await withServer(options, (server) => askAll<Person>(server, users))
  if (found.length === 0 && !json) return printResult(false, found, () => 'There is nobody yet: invite somebody.')
  printResult(json, found, () =>
    table([
      ['id', 'e-mail', 'name', 'role', 'workspaces', 'since'],
      ...found.map(({ id, email, name, role, projects, added_at }) => [
        ...[id, email, name, role, projects.data.map((place) => `${place.id}=${place.role}`).join(' ') || '–'],
        dayOf(added_at),
      ]),
    ]),
  )
}

async function invite(email: string, options: Options): Promise<void> {
  const places = (options['workspace'] as string[] | undefined) ?? []
  const projects = places.map((place) => {
    const [id = '', role = 'member'] = place.split('=', 2)
    return { id, role }
  })
  const role = options['role'] === 'member' ? 'reader' : options['role']
  await withServer(options, async (server) => {
    const body = { email, role, projects }
    const made = await ask<Static<typeof InviteCreated>>(server, 'POST', '/v1/organization/invites', body)
    const link = `${server.url}/invitation/${made.secret}`
    printResult(
      options['json'] === true,
      { ...made, link },
      () =>
        `${link}\n\n${made.mailed ? 'It was mailed' : 'Hand it on'} to ${made.email}. It works once, until ${dayOf(made.expires_at)}.`,
    )
  })
}

async function setRole(user: string, word: string, options: Options): Promise<void> {
  const workspace = options['workspace']
  const here = typeof workspace === 'string'
  const role = !here && word === 'member' ? 'reader' : word
  const person = await withServer(options, async (server) =>
    here
      ? ask<{ id: string }>(server, 'POST', placeOf(workspace), { user_id: user, role })
      : ask<{ id: string }>(server, 'POST', `${users}/${encodeURIComponent(user)}`, { role }),
  )
  const where = here ? ` in ${workspace}` : ''
  printResult(options['json'] === true, person, () => `${person.id} is ${word}${where} now.`)
}

async function remove(user: string, options: Options): Promise<void> {
  const workspace = options['workspace']
  const base = typeof workspace === 'string' ? placeOf(workspace) : users
  const gone = await withServer(options, (server) =>
    ask<{ id: string }>(server, 'DELETE', `${base}/${encodeURIComponent(user)}`),
  )
  const from = typeof workspace === 'string' ? ` from ${workspace}` : ''
  printResult(options['json'] === true, gone, () => `${gone.id} is removed${from}.`)
}

async function forget(person: string, options: Options): Promise<void> {
  const shared = options['sharedFiles'] === true ? '?shared_files=delete' : ''
  const path = `/galerne/v1/people/${encodeURIComponent(person)}${shared}`
  const gone = await withServer(options, (server) => ask<Static<typeof PersonForgotten>>(server, 'DELETE', path))
  const { calls, contents, spans, files, shared_files, prompts, mentions } = gone
  const named = (names: boolean | null) => (names === null ? 'not read' : names ? 'names them' : 'does not name them')
  printResult(options['json'] === true, gone, () =>
    table([
      ['calls without a name', String(calls)],
      ['texts deleted', String(contents)],
      ['spans without a name', String(spans)],
      ['files deleted', String(files)],
      ['private prompts deleted', String(prompts)],
      ['other mentions removed', String(mentions)],
      ...shared_files.map(({ id, workspace, names }) => [`shared, in ${workspace}`, `${id} (${named(names)})`]),
    ]),
  )
}

const placeOf = (workspace: string) => `/v1/organization/projects/${encodeURIComponent(workspace)}/users`
