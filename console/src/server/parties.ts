// Names for the ids that limits, budgets and usage are kept by: workspaces and keys.
import type { Static } from 'typebox'
import type { KeyObject } from '../../../src/wire/keys.ts'
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { useAll } from './pages.ts'
import { useSession } from './session.tsx'

const text = words({
  en: { organisation: 'The organisation', key: 'Key {name}', workspace: 'Workspace {name}' },
  fr: { organisation: 'L’organisation', key: 'Clé {name}', workspace: 'Espace {name}' },
})

/** The keys that one may see, those in use first; none for those who may not see keys. */
export function useKeys(): readonly Static<typeof KeyObject>[] {
  const { may } = useSession()
  const keys = useAll<Static<typeof KeyObject>>(['keys'], '/galerne/v1/keys?limit=100', { enabled: may('keys.own') })
  return (keys.data ?? []).filter(({ revoked_at: revoked }) => revoked === null)
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
