// Whose limit or budget it is to be: the organisation's, this workspace's, or a key's.
import { useState } from 'react'
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { useKeys } from '../server/parties.ts'
import { useSession } from '../server/session.tsx'
import { SelectField } from './field.tsx'

const text = words({
  en: {
    scope: 'Whose',
    organisation: 'The whole organisation',
    workspace: 'The workspace {name}',
    key: 'One key',
    which: 'Which key',
  },
  fr: {
    scope: 'De qui',
    organisation: 'Toute l’organisation',
    workspace: 'L’espace {name}',
    key: 'Une clé',
    which: 'Quelle clé',
  },
})

type Scope = 'organisation' | 'workspace' | 'key'

/** What was chosen. */
export function useParty(scopes: readonly Scope[] = ['workspace', 'key', 'organisation']) {
  const { session } = useSession()
  const keys = useKeys()
  const [scope, setScope] = useState<Scope>('workspace')
  const [key, setKey] = useState<string>()
  const subjectOf = { organisation: undefined, workspace: session.workspace, key: key ?? keys[0]?.id }
  const subject = subjectOf[scope]
  return { scopes, keys, chosen: { scope, ...(subject !== undefined && { subject }) }, setScope, setKey }
}

/** The fields. */
export function PartyFields({ party }: { readonly party: ReturnType<typeof useParty> }) {
  const t = useWords(text)
  const { session } = useSession()
  const { scopes, keys, chosen, setScope, setKey } = party
  const name = session.workspaces.find(({ id }) => id === session.workspace)?.name ?? session.workspace
  return (
    <>
      <SelectField label={t('scope')} value={chosen.scope} onChange={(event) => setScope(event.target.value as Scope)}>
        {scopes.map((scope) => (
          <option key={scope} value={scope}>
            {t(scope, { name })}
          </option>
        ))}
      </SelectField>
      {chosen.scope === 'key' && (
        <SelectField label={t('which')} value={chosen.subject} onChange={(event) => setKey(event.target.value)}>
          {keys.map((key) => (
            <option key={key.id} value={key.id}>
              {`${key.name} …${key.hint}`}
            </option>
          ))}
        </SelectField>
      )}
    </>
  )
}
