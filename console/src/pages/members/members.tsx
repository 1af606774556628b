// Who works here: the people of this workspace, and for those who lead the organisation everybody, invitations and service accounts.
import { useQueryClient } from '@tanstack/react-query'
import type { Static } from 'typebox'
import type { OrganizationUser, ProjectUser } from '../../../../src/wire/organization.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { List } from '../../parts/list.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { useReason } from '../../parts/reason.ts'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { useAct } from '../../server/act.ts'
import { useSession } from '../../server/session.tsx'
import { AddMember } from './add-member.tsx'
import { Invitations, Invite } from './invitations.tsx'
import { RoleSelect } from './role-select.tsx'
import { NewServiceAccount, ServiceAccounts } from './service-accounts.tsx'
import { text } from './text.ts'

/** The page. */
export function Members() {
  const t = useWords(text)
  const { may } = useSession()
  return (
    <>
      <PageHead title={t('title')} hint={t('hint')} actions={may('users.write') && <Invite />} />
      <div className="space-y-6">
        <Panel title={t('here')} actions={may('members.write') && <AddMember />}>
          <Here />
        </Panel>
        {may('users.read') && (
          <Panel title={t('invitations')}>
            <Invitations />
          </Panel>
        )}
        {may('keys.read') && (
          <Panel title={t('accounts')} actions={may('keys.write') && <NewServiceAccount />}>
            <ServiceAccounts />
          </Panel>
        )}
        {may('users.read') && (
          <Panel title={t('everybody')}>
            <Everybody />
          </Panel>
        )}
      </div>
    </>
  )
}

function Person({ name, email }: { readonly name: string; readonly email: string }) {
  return (
    <div>
      <span className="font-medium">{name}</span>
      <div className="text-xs text-muted">{email}</div>
    </div>
  )
}

type Member = Static<typeof ProjectUser>

function Here() {
  const t = useWords(text)
  const { day } = useFormats()
  const { session, may } = useSession()
  const path = `/v1/organization/projects/${encodeURIComponent(session.workspace)}/users`
  const change = useAct('members')
  const leading = may('members.write')
  const columns: Column<Member>[] = [
    { name: t('person'), show: (member) => <Person {...member} /> },
    {
      name: t('role'),
      show: (member) => (
        <RoleSelect
          of={member.name}
          where="workspace"
          role={member.role}
          {...(leading && {
            choose: (role: string) => change.mutate({ path: `${path}/${member.id}`, body: { role } }),
          })}
        />
      ),
    },
    { name: t('since'), wide: true, show: (member) => day(member.added_at * 1_000) },
  ]
  const remove: Column<Member> = {
    name: t('remove'),
    actions: true,
    show: (member) => (
      <Confirm
        act={t('remove')}
        title={t('removeTitle', { name: member.name })}
        hint={t('removeHint')}
        path={`${path}/${encodeURIComponent(member.id)}`}
        stale="members"
      />
    ),
  }
  return (
    <>
      {change.isError && <Refused error={change.error} />}
      <List
        label={t('here')}
        name={['members', 'here']}
        path={path}
        columns={leading ? [...columns, remove] : columns}
        id={(member) => member.id}
        empty={<Empty title={t('nobody')} hint={t(leading ? 'nobodyHint' : 'nobodyHintSeen')} />}
      />
    </>
  )
}

type User = Static<typeof OrganizationUser>

function Everybody() {
  const t = useWords(text)
  const { ago } = useFormats()
  const { may } = useSession()
  const queries = useQueryClient()
  const change = useAct('members')
  const leading = may('users.write')
  const columns: Column<User>[] = [
    { name: t('person'), show: (user) => <Person {...user} /> },
    {
      name: t('role'),
      show: (user) => (
        <RoleSelect
          of={user.name}
          where="organisation"
          role={user.role}
          {...(leading && {
            choose: (role: string) => change.mutate({ path: `/v1/organization/users/${user.id}`, body: { role } }),
          })}
        />
      ),
    },
    {
      name: t('workspaces'),
      wide: true,
      show: (user) => user.projects.data.map(({ name }) => name).join(', ') || '–',
    },
    {
      name: t('keyUsed'),
      wide: true,
      show: (user) =>
        user.api_key_last_used_at === null ? t('never') : ago(user.api_key_last_used_at * 1_000, Date.now()),
    },
  ]
  const remove: Column<User> = {
    name: t('remove'),
    actions: true,
    show: (user) => (
      <Confirm
        act={t('remove')}
        title={t('forgetTitle', { name: user.name })}
        hint={t('forgetHint')}
        path={`/v1/organization/users/${encodeURIComponent(user.id)}`}
        stale="members"
        done={() => void queries.invalidateQueries({ queryKey: ['keys'] })}
      />
    ),
  }
  return (
    <>
      {change.isError && <Refused error={change.error} />}
      <List
        label={t('everybody')}
        name={['members', 'everybody']}
        path="/v1/organization/users"
        columns={leading ? [...columns, remove] : columns}
        id={(user) => user.id}
        empty={<Empty title={t('nobody')} hint={t('inviteFirst')} />}
      />
    </>
  )
}

function Refused({ error }: { readonly error: Error }) {
  const reason = useReason()
  return (
    <p role="alert" className="border-b border-line bg-bad-soft px-4 py-2 text-sm">
      {reason(error)}
    </p>
  )
}
