// The calls that one's own key made: what the figures above them count. Which ones stands in the address.
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useFormats, useWords } from '../../language/language.tsx'
import { Calls } from '../../parts/calls.tsx'
import { SelectField } from '../../parts/field.tsx'
import { Panel } from '../../parts/panel.tsx'
import { type CallFilters, callsQuery } from '../../server/calls.ts'
import { text } from './text.ts'

/** What may stand in the address. */
type OwnFilters = Pick<CallFilters, 'from' | 'model' | 'state'>

/** Id of the panel. */
export const ownCallsId = 'calls'

/** The panel; `since` is the time from which calls are shown where the address says none. */
export function OwnCalls({ since }: { readonly since: string }) {
  const t = useWords(text)
  const { day } = useFormats()
  const navigate = useNavigate()
  const { from = since, model, state } = useSearch({ strict: false }) as OwnFilters
  const choose = (value: string) =>
    void navigate({
      to: '/me' as never,
      search: (({ state: _, ...before }: OwnFilters) => (value === '' ? before : { ...before, state: value })) as never,
    })
  const filters: CallFilters = { from, ...(model !== undefined && { model }), ...(state !== undefined && { state }) }
  return (
    <Panel
      id={ownCallsId}
      title={t('callsSince', { day: day(Date.parse(from)), model: model ?? '' })}
      actions={
        <SelectField label={t('which')} bare value={state ?? ''} onChange={(event) => choose(event.target.value)}>
          <option value="">{t('allCalls')}</option>
          <option value="failed">{t('failedCalls')}</option>
        </SelectField>
      }
    >
      <Calls own path={`/galerne/v1/usage/own-calls?${callsQuery(filters)}`} />
    </Panel>
  )
}
