// Adds somebody of the organisation to this workspace.
import { UserPlus } from 'lucide-react'
import { useState } from 'react'
import { useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { TextField } from '../../parts/field.tsx'
import { Form, FormDialog } from '../../parts/form.tsx'
import { useAct } from '../../server/act.ts'
import { useSession } from '../../server/session.tsx'
import { RoleField } from './role-select.tsx'
import { text } from './text.ts'

/** The button and its dialog. */
export function AddMember() {
  const t = useWords(text)
  return (
    <FormDialog
      title={t('add')}
      hint={t('addHint')}
      trigger={<Button icon={<UserPlus aria-hidden className="size-4" />}>{t('add')}</Button>}
      form={(close) => <Fields close={close} />}
    />
  )
}

function Fields({ close }: { close(): void }) {
  const t = useWords(text)
  const { session } = useSession()
  const [email, setEmail] = useState('')
  const [role, setRole] = useState('member')
  const add = useAct('members', close)
  const path = `/v1/organization/projects/${encodeURIComponent(session.workspace)}/users`
  return (
    <Form act={t('add')} sending={add} send={() => add.mutate({ path, body: { email, role } })}>
      <TextField
        label={t('email')}
        type="email"
        required
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      <RoleField label={t('role')} where="workspace" role={role} choose={setRole} />
    </Form>
  )
}
