// The way in: with a key, with e-mail and password, or by whoever vouches for people here.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Static } from 'typebox'
import type { SignInWays } from '../../../../src/wire/sessions.ts'
import { useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { TextField } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { useReason } from '../../parts/reason.ts'
import { call, ServerError, send } from '../../server/client.ts'
import { Door } from './door.tsx'
import { text } from './text.ts'

/** The page that everybody sees who is not signed in. */
export function SignIn() {
  const t = useWords(text)
  const [way, setWay] = useState<'key' | 'password'>('key')
  const ways = useQuery({
    queryKey: ['sign-in'],
    queryFn: ({ signal }) => call<Static<typeof SignInWays>>('/galerne/v1/sign-in', { signal }),
  })
  const oidc = ways.data?.oidc ?? undefined
  const refusal = refusalOf(new URLSearchParams(location.search).get('error'))
  return (
    <Door title={t('title')}>
      {refusal !== undefined && (
        <p role="alert" className="mb-4 rounded-lg bg-bad-soft p-3 text-sm">
          {t(refusal)}
        </p>
      )}
      {way === 'key' ? <KeyForm /> : <PasswordForm />}
      <div className="mt-3 flex flex-col gap-2">
        <Button weight="quiet" onClick={() => setWay(way === 'key' ? 'password' : 'key')}>
          {t(way === 'key' ? 'withPassword' : 'withKey')}
        </Button>
        {oidc !== undefined && (
          <Button onClick={() => location.assign(oidc.start)}>
            {t('withProvider', { issuer: new URL(oidc.issuer).host })}
          </Button>
        )}
      </div>
    </Door>
  )
}

/** Why the provider's way did not open, as the server says in the address. */
function refusalOf(code: string | null): 'providerUnknown' | 'providerFailed' | undefined {
  if (code === null) return undefined
  return code === 'sign_in_unknown' ? 'providerUnknown' : 'providerFailed'
}

/** Sends a way in, and reads the session where it opened. */
function useSignIn(path: string) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (body: object) => send(path, { body }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['session'] }),
  })
}

function useFault() {
  const reason = useReason()
  return (error: unknown, refused: string): string | undefined => {
    if (error === null) return undefined
    return error instanceof ServerError && error.status === 401 ? refused : reason(error)
  }
}

function KeyForm() {
  const t = useWords(text)
  const [key, setKey] = useState('')
  const faultOf = useFault()
  const signIn = useSignIn('/galerne/v1/session/key')
  return (
    <Form
      act={t('submit')}
      sending={signIn}
      send={() => signIn.mutate({ key: key.trim() })}
      ready={key.trim() !== ''}
      wide
      quiet
    >
      <TextField
        label={t('key')}
        hint={t('keyHint')}
        fault={faultOf(signIn.error, t('wrongKey'))}
        // It is what the page is for, and nothing stands before it.
        autoFocus
        type="password"
        autoComplete="current-password"
        required
        value={key}
        onChange={(event) => setKey(event.target.value)}
      />
    </Form>
  )
}

function PasswordForm() {
  const t = useWords(text)
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const faultOf = useFault()
  const signIn = useSignIn('/galerne/v1/session')
  return (
    <Form act={t('submit')} sending={signIn} send={() => signIn.mutate({ email, password })} wide quiet>
      <TextField
        label={t('email')}
        // It is what the page is for, and nothing stands before it.
        autoFocus
        type="email"
        autoComplete="username"
        required
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      <TextField
        label={t('password')}
        fault={faultOf(signIn.error, t('wrongPassword'))}
        type="password"
        autoComplete="current-password"
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
    </Form>
  )
}
