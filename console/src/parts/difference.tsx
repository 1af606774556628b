// Two texts as one: what was taken away and what was added, word by word. For those who see no colours too.
import { diffWordsWithSpace } from 'diff'
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'

const text = words({
  en: { same: 'Both say the same.', gone: 'taken away:', added: 'added:' },
  fr: { same: 'Les deux disent la même chose.', gone: 'retiré :', added: 'ajouté :' },
})

/** Beyond this many edits the texts have little in common, and are shown one after the other. */
const mostEdits = 2_000

/** Shows it. Both are a stranger's text: they are shown as text. */
export function Difference({ before, after }: { readonly before: string; readonly after: string }) {
  const t = useWords(text)
  if (before === after) return <p className="text-sm text-muted">{t('same')}</p>
  const changes = diffWordsWithSpace(before, after, { maxEditLength: mostEdits }) ?? [
    { value: before, removed: true, added: false },
    { value: after, removed: false, added: true },
  ]
  return (
    <p className="font-mono text-xs leading-6 whitespace-pre-wrap">
      {changes.map(({ value, removed, added }, index) => {
        const Tag = removed ? 'del' : added ? 'ins' : 'span'
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a difference have no other name than their place.
          <Tag key={index} className={removed ? 'bg-bad-soft' : added ? 'bg-good-soft no-underline' : ''}>
            {(removed || added) && <span className="sr-only">{t(removed ? 'gone' : 'added')} </span>}
            {value}
          </Tag>
        )
      })}
    </p>
  )
}
