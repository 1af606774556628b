// Names for the ids that limits, budgets and usage are kept by: workspaces and keys.
import type { Static } from 'typebox'
import type { KeyObject } from '../../../src/wire/keys.ts'
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { useAll } from './pages.ts'
import { useSession } from './session.tsx'

const text = words({
  en: {
    organisation: 'The organisation',
    key: 'Key {name}',
    workspace: 'Workspace {name}',
    shadow: 'copies for shadows',
  },
  fr: {
    organisation: 'L’organisation',
    key: 'Clé {name}',
    workspace: 'Espace {name}',
    shadow: 'copies pour les ombres',
  },
})

/** The keys that one may see; none for those who may not see keys. */
function useAllKeys(): readonly Static<typeof KeyObject>[] {
  const { may } = useSession()
  return (
    useAll<Static<typeof KeyObject>>(['keys'], '/galerne/v1/keys?limit=100', { enabled: may('keys.own') }).data ?? []
  )
}

/** Those that still work. */
export function useKeys(): readonly Static<typeof KeyObject>[] {
  return useAllKeys().filter(({ revoked_at: revoked }) => revoked === null)
}

/** What a key is called, also one that was revoked; its id where nobody says. */
export function useKeyName(): (id: string) => string {
  const t = useWords(text)
  const keys = useAllKeys()
  return (id) => (id === shadow ? t('shadow') : (keys.find((key) => key.id === id)?.name ?? id))
}

/** What a workspace is called; its id where nobody says. */
export function useWorkspaceName(): (id: string) => string {
  const t = useWords(text)
  const { workspaces } = useSession().session
  return (id) => (id === shadow ? t('shadow') : (workspaces.find((one) => one.id === id)?.name ?? id))
}

/** The key and workspace under which copies for shadows are counted. */
const shadow = 'shadow'

/** Whose something is, in words. */
export function useParties(): (party: { readonly scope: string; readonly subject: string }) => string {
  const t = useWords(text)
  const [keyName, workspaceName] = [useKeyName(), useWorkspaceName()]
  return ({ scope, subject }) => {
    if (scope === 'organisation') return t('organisation')
    return scope === 'key' ? t('key', { name: keyName(subject) }) : t('workspace', { name: workspaceName(subject) })
  }
}
