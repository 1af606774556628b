// Service accounts: programs that hold keys in this workspace, so that a key outlives the person who made it.
import { Bot } from 'lucide-react'
import { useState } from 'react'
import type { Static } from 'typebox'
import type { ServiceAccountCreated, ServiceAccountObject } from '../../../../src/wire/organization.ts'
import { useFormats, useWords } from '../../language/language.tsx'
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
import { RoleSelect } from './role-select.tsx'
import { text } from './text.ts'

type Account = Static<typeof ServiceAccountObject>

function usePath(): string {
  const { session } = useSession()
  return `/v1/organization/projects/${encodeURIComponent(session.workspace)}/service_accounts`
}

/** The list. */
export function ServiceAccounts() {
  const t = useWords(text)
  const { day } = useFormats()
  const { may } = useSession()
  const path = usePath()
  const change = useAct('members')
  const columns: Column<Account>[] = [
    { name: t('name'), show: (account) => <span className="font-medium">{account.name}</span> },
    {
      name: t('role'),
      show: (account) => (
        <RoleSelect
          of={account.name}
          where="workspace"
          role={account.role}
          {...(may('keys.write') && {
            choose: (role: string) => change.mutate({ path: `${path}/${account.id}`, body: { role } }),
          })}
        />
      ),
    },
    { name: t('since'), wide: true, show: (account) => day(account.created_at * 1_000) },
  ]
  const remove: Column<Account> = {
    name: t('remove'),
    actions: true,
    show: (account) => (
      <Confirm
        act={t('remove')}
        title={t('removeAccountTitle', { name: account.name })}
        hint={t('removeAccountHint')}
        path={`${path}/${encodeURIComponent(account.id)}`}
        stale="members"
      />
    ),
  }
  return (
    <List
      label={t('accounts')}
      name={['members', 'accounts']}
      path={path}
      columns={may('keys.write') ? [...columns, remove] : columns}
      id={(account) => account.id}
      empty={<Empty title={t('noAccount')} hint={t('noAccountHint')} />}
    />
  )
}

/** The button that makes one, and its dialog. */
export function NewServiceAccount() {
  const t = useWords(text)
  return (
    <FormDialog
      title={t('newAccount')}
      hint={t('newAccountHint')}
      trigger={<Button icon={<Bot aria-hidden className="size-4" />}>{t('newAccount')}</Button>}
      form={(close) => <Fields close={close} />}
    />
  )
}

function Fields({ close }: { close(): void }) {
  const t = useWords(text)
  const path = usePath()
  const [name, setName] = useState('')
  const [secret, setSecret] = useState<string>()
  const make = useAct<Static<typeof ServiceAccountCreated>>('members', ({ api_key }) => {
    if (api_key === null) close()
    else setSecret(api_key.value)
  })
  if (secret !== undefined) return <Secret value={secret} hint={t('secretHint')} done={close} />
  return (
    <Form act={t('make')} sending={make} send={() => make.mutate({ path, body: { name } })}>
      <TextField
        label={t('name')}
        hint={t('accountNameHint')}
        required
        maxLength={255}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
    </Form>
  )
}
