// Invitations: whom we wait for, and a new one, whose link is shown once.
import { MailPlus } from 'lucide-react'
import { useState } from 'react'
import type { Static } from 'typebox'
import type { InviteCreated, InviteObject } from '../../../../src/wire/organization.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { TextField } from '../../parts/field.tsx'
import { Form, FormDialog } from '../../parts/form.tsx'
import { List } from '../../parts/list.tsx'
import { Secret } from '../../parts/secret.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { useAct } from '../../server/act.ts'
import { useSession } from '../../server/session.tsx'
import { RoleField } from './role-select.tsx'
import { text } from './text.ts'

type Invitation = Static<typeof InviteObject>

const tones = { pending: 'warn', accepted: 'good', expired: 'plain' } as const

/** The list. */
export function Invitations() {
  const t = useWords(text)
  const { day } = useFormats()
  const { may, session } = useSession()
  const named = (id: string) => session.workspaces.find((workspace) => workspace.id === id)?.name ?? id
  const columns: Column<Invitation>[] = [
    { name: t('email'), show: (invite) => invite.email },
    { name: t('role'), show: (invite) => t(`organisation.${invite.role}` as 'organisation.reader') },
    {
      name: t('workspaces'),
      wide: true,
      show: ({ projects }) => projects.map(({ id }) => named(id)).join(', ') || '–',
    },
    { name: t('state'), show: ({ status }) => <Badge tone={tones[status]}>{t(status)}</Badge> },
    { name: t('until'), wide: true, show: (invite) => day(invite.expires_at * 1_000) },
  ]
  const back: Column<Invitation> = {
    name: t('takeBack'),
    actions: true,
    show: (invite) =>
      invite.status === 'pending' ? (
        <Confirm
          act={t('takeBack')}
          title={t('takeBackTitle', { email: invite.email })}
          hint={t('takeBackHint')}
          path={`/v1/organization/invites/${encodeURIComponent(invite.id)}`}
          stale="members"
        />
      ) : null,
  }
  return (
    <List
      label={t('invitations')}
      name={['members', 'invitations']}
      path="/v1/organization/invites"
      columns={may('users.write') ? [...columns, back] : columns}
      id={(invite) => invite.id}
      empty={<Empty title={t('noInvitation')} hint={t('noInvitationHint')} />}
    />
  )
}

/** The button that invites, and its dialog. */
export function Invite() {
  const t = useWords(text)
  return (
    <FormDialog
      title={t('invite')}
      hint={t('inviteHint')}
      trigger={
        <Button weight="strong" icon={<MailPlus aria-hidden className="size-4" />}>
          {t('invite')}
        </Button>
      }
      form={(close) => <NewInvitation close={close} />}
    />
  )
}

function NewInvitation({ close }: { close(): void }) {
  const t = useWords(text)
  const { session } = useSession()
  const here = session.workspaces.find(({ id }) => id === session.workspace)
  const [email, setEmail] = useState('')
  const [role, setRole] = useState('reader')
  const [hereRole, setHereRole] = useState('member')
  const [link, setLink] = useState<string>()
  const invite = useAct<Static<typeof InviteCreated>>('members', ({ secret }) =>
    setLink(`${location.origin}/invitation/${secret}`),
  )
  if (link !== undefined) return <Secret value={link} hint={t('linkHint', { email })} done={close} />
  const projects = [{ id: session.workspace, role: hereRole }]
  const send = () => invite.mutate({ path: '/v1/organization/invites', body: { email, role, projects } })
  return (
    <Form act={t('invite')} sending={invite} send={send}>
      <TextField
        label={t('email')}
        type="email"
        required
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      <RoleField
        label={t('roleHere', { workspace: here?.name ?? session.workspace })}
        where="workspace"
        role={hereRole}
        choose={setHereRole}
      />
      <RoleField label={t('roleAll')} hint={t('roleAllHint')} where="organisation" role={role} choose={setRole} />
    </Form>
  )
}
