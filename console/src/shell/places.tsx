// Where one can go: pages by their names, and a trace by the id of its request.
import { Autocomplete } from '@base-ui/react/autocomplete'
import { useNavigate } from '@tanstack/react-router'
import { Activity, type LucideIcon } from 'lucide-react'
import { useState } from 'react'
import { useWords } from '../language/language.tsx'
import { useSession } from '../server/session.tsx'
import { pages } from './pages.ts'
import { text } from './text.ts'

interface Place {
  readonly path: string
  readonly label: string
  /** What stands beside it, and is found too. */
  readonly note: string
  readonly icon: LucideIcon
}

/** Ids of requests and of traces look alike. */
const traceId = /^[0-9a-f]{32}$/

/** The field and the list under it. */
export function Places({ leave }: { leave(): void }) {
  const t = useWords(text)
  const navigate = useNavigate()
  const [typed, setTyped] = useState('')
  const places = usePlaces(typed.trim().toLowerCase())
  const go = async ({ path }: Place) => {
    leave()
    await navigate({ to: path as never })
    // What one came from is not where one is now.
    document.getElementById('content')?.focus()
  }
  return (
    <Autocomplete.Root
      open
      inline
      items={places}
      filter={null}
      value={typed}
      onValueChange={setTyped}
      itemToStringValue={({ label }: Place) => label}
      autoHighlight="always"
      keepHighlight
    >
      <Autocomplete.Input
        // The dialog may have opened before its list was there.
        autoFocus
        aria-label={t('goToField')}
        placeholder={t('goToHint')}
        className="w-full border-b border-line bg-surface px-4 py-3 text-sm outline-none"
      />
      <Autocomplete.Empty className="px-4 py-3 text-sm text-muted empty:p-0">{t('goNowhere')}</Autocomplete.Empty>
      <Autocomplete.List className="overflow-y-auto p-2 empty:p-0">
        {(place: Place) => (
          <Autocomplete.Item
            key={place.path}
            value={place}
            onClick={() => void go(place)}
            className="flex cursor-pointer items-center gap-2.5 rounded-lg px-2 py-2 text-sm outline-none data-highlighted:bg-accent-soft data-highlighted:text-accent"
          >
            <place.icon aria-hidden className="size-4 shrink-0" />
            <span className="flex-1">{place.label}</span>
            <span className="text-xs text-muted">{place.note}</span>
          </Autocomplete.Item>
        )}
      </Autocomplete.List>
    </Autocomplete.Root>
  )
}

/** Those that fit what was typed; what begins with it first. */
function usePlaces(typed: string): readonly Place[] {
  const t = useWords(text)
  const { may } = useSession()
  const all = pages.flatMap(({ path, name, group, icon, needs }): Place[] => {
    if (group === 'hidden' || (needs !== undefined && !may(needs))) return []
    return [{ path, label: t(name), note: group === undefined ? '' : t(group), icon }]
  })
  const found = all.filter(({ label, note }) => `${label} ${note}`.toLowerCase().includes(typed))
  const begins = ({ label }: Place) => Number(label.toLowerCase().startsWith(typed))
  const trace = { path: `/traces/${typed}`, label: t('traceOf', { id: typed }), note: t('observe'), icon: Activity }
  return [
    ...(traceId.test(typed) && may('traces.read') ? [trace] : []),
    ...found.sort((one, other) => begins(other) - begins(one)),
  ]
}
