// An invitation's link: what it offers, and the name and password that whoever accepts it chooses.
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Static } from 'typebox'
import type { InvitationObject } from '../../../../src/wire/sessions.ts'
import { useWords } from '../../language/language.tsx'
import { TextField } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { useReason } from '../../parts/reason.ts'
import { Loading, Problem } from '../../parts/states.tsx'
import { call, send } from '../../server/client.ts'
import { Door } from '../sign-in/door.tsx'
import { text } from './text.ts'

/** The secret in the address, where this is an invitation's. */
export function invitationSecret(path: string): string | undefined {
  return /^\/invitation\/([\w-]{1,200})$/.exec(path)?.[1]
}

/** The page of the link. */
export function Invitation({ secret }: { readonly secret: string }) {
  const t = useWords(text)
  const invitation = useQuery({
    queryKey: ['invitation', secret],
    queryFn: ({ signal }) =>
      call<Static<typeof InvitationObject>>('/galerne/v1/invitations/open', { body: { secret }, signal }),
  })
  return (
    <Door title={t('title')}>
      {invitation.isPending && <Loading />}
      {invitation.isError && <Problem error={invitation.error} />}
      {invitation.data !== undefined && <Accept secret={secret} invitation={invitation.data} />}
    </Door>
  )
}

interface AcceptProps {
  readonly secret: string
  readonly invitation: Static<typeof InvitationObject>
}

function Accept({ secret, invitation: { email, role } }: AcceptProps) {
  const t = useWords(text)
  const reason = useReason()
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const accept = useMutation({
    mutationFn: () => send('/galerne/v1/invitations/accept', { body: { secret, name, password } }),
    onSuccess: () => location.assign('/'),
  })
  return (
    <Form act={t('accept')} sending={accept} send={() => accept.mutate()} wide quiet>
      <p className="text-sm text-muted">{t('hint', { email, role })}</p>
      <TextField
        label={t('name')}
        autoComplete="name"
        required
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <TextField
        label={t('password')}
        hint={t('passwordHint')}
        fault={accept.error === null ? undefined : reason(accept.error)}
        type="password"
        autoComplete="new-password"
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
    </Form>
  )
}
