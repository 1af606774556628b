// Making a key: what it may do, and its secret, shown this once.
import { KeyRound } from 'lucide-react'
import { useState } from 'react'
import type { Static } from 'typebox'
import type { CreatedKeyObject } from '../../../../src/wire/keys.ts'
import { useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { Secret } from '../../parts/secret.tsx'
import { useAct } from '../../server/act.ts'
import { text } from './text.ts'

const roles = ['member', 'viewer', 'billing', 'admin', 'owner'] as const

/** The button and its dialog. */
export function MakeKey() {
  const t = useWords(text)
  const [open, setOpen] = useState(false)
  const [made, setMade] = useState<Static<typeof CreatedKeyObject>>()
  const change = (next: boolean) => {
    setOpen(next)
    // A secret that nobody looks at must not wait in a closed dialog.
    if (!next) setMade(undefined)
  }
  return (
    <Dialog
      title={made === undefined ? t('make') : t('secretTitle')}
      open={open}
      change={change}
      trigger={
        <Button weight="strong" icon={<KeyRound aria-hidden className="size-4" />}>
          {t('make')}
        </Button>
      }
    >
      {made === undefined ? (
        <NewKey done={setMade} />
      ) : (
        <Secret value={made.secret} hint={t('secretHint')} done={() => change(false)} />
      )}
    </Dialog>
  )
}

type Made = Static<typeof CreatedKeyObject>

function NewKey({ done }: { done(made: Made): void }) {
  const t = useWords(text)
  const [name, setName] = useState('')
  const [role, setRole] = useState<(typeof roles)[number]>('member')
  const [models, setModels] = useState('')
  const [expires, setExpires] = useState('')
  const make = useAct<Made>('keys', done)
  const send = () => {
    const named = models
      .split(',')
      .map((model) => model.trim())
      .filter((model) => model !== '')
    const body = {
      ...{ name, role },
      ...(named.length > 0 && { models: named }),
      ...(expires !== '' && { expires_at: Math.floor(Date.parse(`${expires}T23:59:59`) / 1_000) }),
    }
    make.mutate({ path: '/galerne/v1/keys', body })
  }
  return (
    <Form act={t('create')} sending={make} send={send} ready={name.trim() !== ''}>
      <TextField
        label={t('name')}
        hint={t('nameHint')}
        required
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <SelectField label={t('role')} value={role} onChange={(event) => setRole(event.target.value as typeof role)}>
        {roles.map((one) => (
          <option key={one} value={one}>
            {t(one)}
          </option>
        ))}
      </SelectField>
      <TextField
        label={t('models')}
        hint={t('modelsHint')}
        value={models}
        onChange={(event) => setModels(event.target.value)}
      />
      <TextField
        label={t('expires')}
        hint={t('expiresHint')}
        type="date"
        value={expires}
        onChange={(event) => setExpires(event.target.value)}
      />
    </Form>
  )
}
