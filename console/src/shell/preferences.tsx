// What each person sets for this browser: language and appearance.
import { LogOut } from 'lucide-react'
import { useLanguage, useWords } from '../language/language.tsx'
import type { Language } from '../language/words.ts'
import { IconButton } from '../parts/button.tsx'
import { SelectField } from '../parts/field.tsx'
import { useSession } from '../server/session.tsx'
import { text } from './text.ts'
import { chooseTheme, type Theme, useTheme } from './theme.ts'

/** The foot of the navigation. */
export function Preferences() {
  const t = useWords(text)
  const theme = useTheme()
  const { language, choose } = useLanguage()
  const { session, chooseWorkspace, signOut } = useSession()
  return (
    <div className="space-y-2 border-t border-line p-3">
      {/* A key works in its own workspace; people choose. */}
      {session.user !== null && session.workspaces.length > 1 && (
        <SelectField
          label={t('workspace')}
          bare
          value={session.workspace}
          onChange={(event) => chooseWorkspace(event.target.value)}
        >
          {session.workspaces.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </SelectField>
      )}
      <SelectField
        label={t('language')}
        bare
        value={language}
        onChange={(event) => choose(event.target.value as Language)}
      >
        <option value="en">English</option>
        <option value="fr">Français</option>
      </SelectField>
      <SelectField label={t('theme')} bare value={theme} onChange={(event) => chooseTheme(event.target.value as Theme)}>
        <option value="system">{t('system')}</option>
        <option value="light">{t('light')}</option>
        <option value="dark">{t('dark')}</option>
      </SelectField>
      <div className="flex items-center justify-between gap-2 pt-1">
        <span className="truncate text-xs text-muted">{session.user?.email ?? t('withKey')}</span>
        <IconButton label={t('signOut')} onClick={() => void signOut()}>
          <LogOut aria-hidden className="size-4" />
        </IconButton>
      </div>
    </div>
  )
}
