// Names for the ids that limits, budgets and usage are kept by: workspaces and keys.
import { useQuery } from '@tanstack/react-query'
import type { Static } from 'typebox'
import type { KeyList, KeyObject } from '../../../src/wire/keys.ts'
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { call } from './client.ts'
import { useSession } from './session.tsx'

const text = words({
  en: { organisation: 'The organisation', key: 'Key {name}', workspace: 'Workspace {name}' },
  fr: { organisation: 'L’organisation', key: 'Clé {name}', workspace: 'Espace {name}' },
})

/** The keys that one may see, those in use first; none for those who may not see keys. */
export function useKeys(): readonly Static<typeof KeyObject>[] {
  const { may } = useSession()
  const keys = useQuery({
    queryKey: ['keys'],
    enabled: may('keys.own'),
    queryFn: ({ signal }) => call<Static<typeof KeyList>>('/galerne/v1/keys', { signal }),
  })
  return (keys.data?.data ?? []).filter(({ revoked_at: revoked }) => revoked === null)
}

/** Whose something is, in words. */
export function useParties(): (party: { readonly scope: string; readonly subject: string }) => string {
  const t = useWords(text)
  const { session } = useSession()
  const keys = useKeys()
  return ({ scope, subject }) => {
    if (scope === 'organisation') return t('organisation')
    if (scope === 'key') return t('key', { name: keys.find(({ id }) => id === subject)?.name ?? subject })
    return t('workspace', { name: session.workspaces.find(({ id }) => id === subject)?.name ?? subject })
  }
}
