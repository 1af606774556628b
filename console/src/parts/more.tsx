// The way on in a list that pages on the server.
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { Button } from './button.tsx'

const text = words({
  en: { more: 'Show more', loading: 'Loading…' },
  fr: { more: 'Afficher la suite', loading: 'Chargement…' },
})

interface MoreProps {
  /** A query that is read in pages. */
  readonly list: {
    readonly hasNextPage: boolean
    readonly isFetchingNextPage: boolean
    fetchNextPage(): Promise<unknown>
  }
}

/** Asks for the next page; nothing where there is none. */
export function More({ list }: MoreProps) {
  const t = useWords(text)
  if (!list.hasNextPage) return null
  return (
    <div className="border-t border-line p-3 text-center">
      <Button onClick={() => void list.fetchNextPage()} disabled={list.isFetchingNextPage}>
        {t(list.isFetchingNextPage ? 'loading' : 'more')}
      </Button>
    </div>
  )
}
