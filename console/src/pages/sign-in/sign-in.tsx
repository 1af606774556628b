// The way in: with a key, with e-mail and password, or by whoever vouches for people here.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { Static } from 'typebox'
import type { SignInWays } from '../../../../src/wire/sessions.ts'
import { useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { TextField } from '../../parts/field.tsx'
import { Panel } from '../../parts/panel.tsx'
import { call, ServerError, send } from '../../server/client.ts'
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
    <main className="flex min-h-screen items-center justify-center p-4">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex flex-col items-center gap-2 text-center">
          <img src="/galerne.svg" alt="" className="size-12" />
          <p className="text-2xl font-semibold tracking-tight">Galerne</p>
          <p className="text-sm text-muted">{t('tagline')}</p>
        </div>
        <Panel className="p-5">
          <h1 className="mb-4 text-base font-semibold">{t('title')}</h1>
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
        </Panel>
      </div>
    </main>
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

function faultOf(error: unknown, refused: string): string | undefined {
  if (error === null) return undefined
  return error instanceof ServerError && error.status === 401 ? refused : (error as Error).message
}

function KeyForm() {
  const t = useWords(text)
  const [key, setKey] = useState('')
  const signIn = useSignIn('/galerne/v1/session/key')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    signIn.mutate({ key: key.trim() })
  }
  return (
    <form onSubmit={submit} className="space-y-4">
      <TextField
        label={t('key')}
        hint={t('keyHint')}
        fault={faultOf(signIn.error, t('wrongKey'))}
        type="password"
        autoComplete="current-password"
        required
        value={key}
        onChange={(event) => setKey(event.target.value)}
      />
      <Button type="submit" weight="strong" className="w-full" disabled={key.trim() === '' || signIn.isPending}>
        {t('submit')}
      </Button>
    </form>
  )
}

function PasswordForm() {
  const t = useWords(text)
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const signIn = useSignIn('/galerne/v1/session')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    signIn.mutate({ email, password })
  }
  return (
    <form onSubmit={submit} className="space-y-4">
      <TextField
        label={t('email')}
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
      <Button type="submit" weight="strong" className="w-full" disabled={signIn.isPending}>
        {t('submit')}
      </Button>
    </form>
  )
}
