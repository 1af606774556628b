// The list of traces: filters stand in the address, so that a list can be shared and come back to.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import type { Static } from 'typebox'
import type { RecordingObject, TraceShape, TracesAnswer } from '../../../../src/wire/observability.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { CheckField, SelectField, TextField } from '../../parts/field.tsx'
import { Go } from '../../parts/link.tsx'
import { More } from '../../parts/more.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { call } from '../../server/client.ts'
import { useFailure } from '../../server/failure.ts'
import { useModels } from '../../server/models.ts'
import { useSession } from '../../server/session.tsx'
import { useTyped } from '../../server/typed.ts'
import { Keeping } from './keeping.tsx'
import { expressionOf, type Filters, pathOf } from './search.ts'
import { text } from './text.ts'

/** The page. */
export function Traces() {
  const t = useWords(text)
  const { may } = useSession()
  const filters = useSearch({ strict: false }) as Filters
  return (
    <>
      <PageHead
        title={t('title')}
        hint={t('hint')}
        actions={may('workspaces.write') && may('usage.read') && <Keeping />}
      />
      <Shed />
      <FilterBar filters={filters} />
      <Panel>
        <List filters={filters} />
      </Panel>
    </>
  )
}

/** What was not kept is told, or the list could not be trusted. */
function Shed() {
  const t = useWords(text)
  const { whole } = useFormats()
  const state = useQuery({
    queryKey: ['traces', 'state'],
    queryFn: ({ signal }) => call<Static<typeof RecordingObject>>('/galerne/v1/traces/state', { signal }),
  })
  const shed = state.data?.shed ?? 0
  if (shed === 0) return null
  return <p className="mb-4 rounded-lg bg-warn-soft p-3 text-sm text-warn">{t('shed', { count: whole(shed) })}</p>
}

function FilterBar({ filters }: { readonly filters: Filters }) {
  const t = useWords(text)
  const navigate = useNavigate()
  const models = useModels()
  const [typed, setTyped] = useTyped(filters)
  const change = (changes: Partial<Filters>) => {
    const next = Object.entries({ ...typed, ...changes }).filter(([, value]) => value !== undefined && value !== '')
    void navigate({ to: '/traces', search: Object.fromEntries(next) as never })
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    change({ q: typed.q ?? '' })
  }
  return (
    <form
      onSubmit={submit}
      className="mb-4 grid grid-cols-2 gap-3 lg:grid-cols-[12rem_9rem_9rem_minmax(0,1fr)_auto] lg:items-end"
    >
      <SelectField
        label={t('model')}
        className="max-lg:col-span-2"
        value={filters.model ?? ''}
        onChange={(event) => change({ model: event.target.value })}
      >
        <option value="">{t('anyModel')}</option>
        {(models.data?.data ?? []).map(({ id }) => (
          <option key={id}>{id}</option>
        ))}
      </SelectField>
      <SelectField
        label={t('status')}
        value={filters.status ?? ''}
        onChange={(event) => change({ status: event.target.value })}
      >
        <option value="">{t('anyStatus')}</option>
        {(['Ok', 'Error', 'Unset'] as const).map((status) => (
          <option key={status} value={status}>
            {t(status)}
          </option>
        ))}
      </SelectField>
      <SelectField
        label={t('range')}
        value={filters.range ?? ''}
        onChange={(event) => change({ range: (event.target.value || undefined) as never })}
      >
        <option value="">{t('all')}</option>
        <option value="hour">{t('hour')}</option>
        <option value="day">{t('day')}</option>
        <option value="week">{t('week')}</option>
      </SelectField>
      <TextField
        label={t('search')}
        className="max-lg:col-span-2"
        placeholder={t('searchHint')}
        spellCheck={false}
        value={typed.q ?? ''}
        onChange={(event) => setTyped({ ...typed, q: event.target.value })}
      />
      <Button type="submit" className="max-lg:col-span-2">
        {t('apply')}
      </Button>
    </form>
  )
}

function List({ filters }: { readonly filters: Filters }) {
  const t = useWords(text)
  const [chosen, setChosen] = useState<readonly string[]>([])
  const columns = useColumns(chosen, setChosen)
  const traces = useInfiniteQuery({
    queryKey: ['traces', filters],
    initialPageParam: undefined as string | undefined,
    refetchInterval: 10_000,
    queryFn: ({ pageParam, signal }) =>
      call<Static<typeof TracesAnswer>>(pathOf(filters, pageParam, Date.now()), {
        body: { search_expression: expressionOf(filters) },
        signal,
      }),
    getNextPageParam: (page) => page.traces.cursor ?? undefined,
  })
  const failure = useFailure(traces)
  if (failure !== undefined) return <Problem error={failure} retry={() => void traces.refetch()} />
  if (traces.data === undefined) return <Loading />
  const items = traces.data.pages.flatMap((page) => page.traces.results)
  if (items.length === 0) {
    const filtered = Object.keys(filters).length > 0
    if (filtered) return <Empty title={t('empty')} hint={t('emptyFiltered')} />
    return (
      <Empty title={t('empty')} hint={t('emptyHint')}>
        <Go to="/playground" look="button">
          {t('toPlayground')}
        </Go>
      </Empty>
    )
  }
  return (
    <>
      {chosen.length > 0 && <Compare chosen={chosen} />}
      {traces.isError && <Problem error={traces.error} />}
      <Table label={t('title')} columns={columns} items={items} id={(trace) => trace.trace_id} />
      <More list={traces} />
    </>
  )
}

/** How many are chosen, and once there are two, the way to see them side by side: the earlier one on the left. */
function Compare({ chosen }: { readonly chosen: readonly string[] }) {
  const t = useWords(text)
  const [left, right] = chosen
  return (
    <div
      role="status"
      className="flex items-center justify-between gap-3 border-b border-line bg-accent-soft px-4 py-2 text-sm"
    >
      {t('chosen', { count: chosen.length })}
      {right !== undefined && (
        <Go to="/traces/compare" search={{ left, right }} className="font-medium underline">
          {t('compare')}
        </Go>
      )}
    </div>
  )
}

const tones = { Ok: 'good', Error: 'bad', Unset: 'plain' } as const

function useColumns(
  chosen: readonly string[],
  choose: (ids: readonly string[]) => void,
): readonly Column<TraceShape>[] {
  const t = useWords(text)
  const { duration, compact, money, ago, dateTime } = useFormats()
  return [
    {
      name: t('name'),
      show: (trace) => (
        <Go to="/traces/$traceId" params={{ traceId: trace.trace_id }} className="font-medium">
          {trace.root_span_name || trace.trace_id.slice(0, 8)}
        </Go>
      ),
    },
    { name: t('status'), show: (trace) => <Badge tone={tones[trace.status_code]}>{t(trace.status_code)}</Badge> },
    {
      name: t('began'),
      show: (trace) => <span className="whitespace-nowrap">{ago(Date.parse(trace.start_time), Date.now())}</span>,
    },
    { name: t('duration'), figures: true, show: (trace) => duration(trace.duration_ns / 1e6) },
    {
      name: t('tokens'),
      figures: true,
      wide: true,
      show: (trace) => (
        <Go to="/traces/$traceId" params={{ traceId: trace.trace_id }} look="plain">
          {`${compact(trace.input_tokens)} / ${compact(trace.output_tokens)}`}
        </Go>
      ),
    },
    {
      name: t('cost'),
      figures: true,
      wide: true,
      show: (trace) =>
        trace.cost === null || trace.currency === null ? (
          '–'
        ) : (
          <Go to="/traces/$traceId" params={{ traceId: trace.trace_id }} look="plain">
            {money(trace.cost, trace.currency)}
          </Go>
        ),
    },
    {
      name: t('choose'),
      actions: true,
      show: (trace) => {
        const id = trace.trace_id
        const isChosen = chosen.includes(id)
        return (
          <CheckField
            label={t('chooseOf', { name: trace.root_span_name, at: dateTime(Date.parse(trace.start_time)) })}
            bare
            className="justify-end"
            checked={isChosen}
            // A third takes the place of the first.
            onChange={() => choose(isChosen ? chosen.filter((one) => one !== id) : [...chosen.slice(-1), id])}
          />
        )
      },
    },
  ]
}
