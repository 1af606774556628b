// What a page shows instead of its content: nothing yet, still loading, or an error in words.
import { CircleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { ServerError } from '../server/client.ts'
import { Button } from './button.tsx'
import { useReason } from './reason.ts'
import { useTitle } from './title.ts'

const text = words({
  en: {
    loading: 'Loading…',
    failed: 'That did not work',
    request: 'Request {id}: name it when you ask whoever runs this server.',
    again: 'Try again',
  },
  fr: {
    loading: 'Chargement…',
    failed: 'Cela n’a pas marché',
    request: 'Requête {id} : à citer à la personne qui gère ce serveur.',
    again: 'Réessayer',
  },
})

/** Nothing is here yet, and what to do about it. */
export function Empty({
  title,
  hint,
  page,
  children,
}: {
  readonly title: string
  readonly hint?: string
  /** It stands in place of the whole page, and is its title. */
  readonly page?: boolean
  readonly children?: ReactNode
}) {
  const Title = page === true ? 'h1' : 'p'
  useTitle(page === true ? title : undefined)
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-12 text-center">
      <Title className="font-medium">{title}</Title>
      {hint !== undefined && <p className="max-w-md text-sm text-muted">{hint}</p>}
      {children !== undefined && <div className="mt-3">{children}</div>}
    </div>
  )
}

/** Work goes on. */
export function Loading() {
  const t = useWords(text)
  return (
    <div role="status" className="px-6 py-12 text-center text-sm text-muted">
      {t('loading')}
    </div>
  )
}

/** What went wrong, in the server's words, and a way to try again. */
export function Problem({
  error,
  page,
  retry,
}: {
  readonly error: unknown
  /** It stands in place of the whole page, and is its title. */
  readonly page?: boolean
  readonly retry?: () => void
}) {
  const t = useWords(text)
  const Title = page === true ? 'h1' : 'p'
  useTitle(page === true ? t('failed') : undefined)
  const fromServer = error instanceof ServerError
  const reason = useReason()
  return (
    <div role="alert" className="m-4 flex gap-3 rounded-lg border border-line bg-bad-soft p-4 text-sm">
      <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-bad" />
      <div className="min-w-0">
        <Title className="font-medium">{t('failed')}</Title>
        <p className="mt-1">{reason(error)}</p>
        {fromServer && error.requestId !== null && (
          <p className="mt-1 text-muted">{t('request', { id: error.requestId })}</p>
        )}
        {retry !== undefined && (
          <Button className="mt-3" onClick={retry}>
            {t('again')}
          </Button>
        )}
      </div>
    </div>
  )
}
