// What went wrong, in words for people: the server's own, or that it does not answer.
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { ServerError } from '../server/client.ts'

const text = words({
  en: { offline: 'The server does not answer. Is it still running?' },
  fr: { offline: 'Le serveur ne répond pas. Tourne-t-il encore ?' },
})

/** Says it. */
export function useReason(): (error: unknown) => string {
  const t = useWords(text)
  return (error) => {
    if (error instanceof ServerError) return error.message
    // What `fetch` throws where no answer comes, in words that differ from browser to browser.
    if (error instanceof TypeError) return t('offline')
    return error instanceof Error ? error.message : String(error)
  }
}
