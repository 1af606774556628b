// Making a key: what it may do, and its secret, shown this once.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { KeyRound } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import type { Static } from 'typebox'
import type { CreatedKeyObject } from '../../../../src/wire/keys.ts'
import { useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { CodeBlock } from '../../parts/code-block.tsx'
import { CopyButton } from '../../parts/copy-button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Problem } from '../../parts/states.tsx'
import { call } from '../../server/client.ts'
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
      {...(made !== undefined && { hint: t('secretHint') })}
      open={open}
      change={change}
      trigger={
        <Button weight="strong" icon={<KeyRound aria-hidden className="size-4" />}>
          {t('make')}
        </Button>
      }
    >
      {made === undefined ? (
        <Form done={setMade} />
      ) : (
        <>
          <CodeBlock>{made.secret}</CodeBlock>
          <div className="mt-3 flex justify-end gap-2">
            <CopyButton value={made.secret} />
            <Button weight="strong" onClick={() => change(false)}>
              {t('done')}
            </Button>
          </div>
        </>
      )}
    </Dialog>
  )
}

function Form({ done }: { done(made: Static<typeof CreatedKeyObject>): void }) {
  const t = useWords(text)
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [role, setRole] = useState<(typeof roles)[number]>('member')
  const [models, setModels] = useState('')
  const [expires, setExpires] = useState('')
  const make = useMutation({
    mutationFn: () => {
      const named = models
        .split(',')
        .map((model) => model.trim())
        .filter((model) => model !== '')
      const body = {
        ...{ name, role },
        ...(named.length > 0 && { models: named }),
        ...(expires !== '' && { expires_at: Math.floor(Date.parse(`${expires}T23:59:59`) / 1_000) }),
      }
      return call<Static<typeof CreatedKeyObject>>('/galerne/v1/keys', { body })
    },
    async onSuccess(made) {
      await queries.invalidateQueries({ queryKey: ['keys'] })
      done(made)
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    make.mutate()
  }
  return (
    <form onSubmit={submit} className="space-y-4">
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
      {make.isError && <Problem error={make.error} />}
      <div className="flex justify-end">
        <Button type="submit" weight="strong" disabled={name.trim() === '' || make.isPending}>
          {t('create')}
        </Button>
      </div>
    </form>
  )
}
