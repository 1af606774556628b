// The overview: what runs now.
import { useWords } from '../../language/language.tsx'
import { words } from '../../language/words.ts'
import { PageHead } from '../../parts/panel.tsx'

const text = words({ en: { title: 'Overview' }, fr: { title: 'Vue d’ensemble' } })

/** The page. */
export function Overview() {
  const t = useWords(text)
  return <PageHead title={t('title')} />
}
