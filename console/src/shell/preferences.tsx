// What each person sets for this browser: language and appearance.
import { useLanguage, useWords } from '../language/language.tsx'
import type { Language } from '../language/words.ts'
import { SelectField } from '../parts/field.tsx'
import { text } from './text.ts'
import { chooseTheme, type Theme, useTheme } from './theme.ts'

/** The foot of the navigation. */
export function Preferences() {
  const t = useWords(text)
  const theme = useTheme()
  const { language, choose } = useLanguage()
  return (
    <div className="space-y-2 border-t border-line p-3">
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
    </div>
  )
}
