// Usage and costs: by day, and by model, key, workspace or class; every figure leads to the calls behind it.
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import type { Static } from 'typebox'
import type { UsageReport } from '../../../../src/wire/usage-report.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Download } from '../../parts/download.tsx'
import { SelectField } from '../../parts/field.tsx'
import { Go } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { Figure, PageHead, Panel } from '../../parts/panel.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { type CallFilters, daysQuery } from '../../server/calls.ts'
import { call } from '../../server/client.ts'
import { useModels } from '../../server/models.ts'
import { useKeyName, useWorkspaceName } from '../../server/parties.ts'
import { chartOf, type Measure, others, type UsageEntry } from './series.ts'
import { text } from './text.ts'

// Charts are larger than the rest of the page together.
const UsageChart = lazy(async () => ({ default: (await import('./chart.tsx')).UsageChart }))

type Group = 'model' | 'key' | 'workspace' | 'class'

interface Choice {
  readonly range?: 'week' | 'month' | 'quarter'
  readonly group?: Group
  readonly measure?: Measure
  /** Of this model alone. */
  readonly model?: string
}

const oneDay = 86_400_000
const days = { week: 7, month: 30, quarter: 90 } as const

/** The calls that are meant, from midnight of the first day on. */
function callsOf({ range = 'month', model }: Choice, now: number): CallFilters {
  const from = new Date(now - (days[range] - 1) * oneDay).toISOString().slice(0, 10)
  return { from, ...(model !== undefined && { model }) }
}

/** The path of their report. */
function pathOf({ group = 'model' }: Choice, calls: CallFilters): string {
  return `/galerne/v1/usage?${daysQuery(calls, group)}`
}

/** The calls of one day, of one group or several. */
function callsOfDay(calls: CallFilters, start: string, group: Group, names: string): CallFilters {
  const next = new Date(Date.parse(start) + oneDay).toISOString()
  return { ...calls, from: start.slice(0, 10), to: next.slice(0, 10), [group]: names }
}

/** What a group is called. */
function useGroupName(group: Group): (id: string) => string {
  const t = useWords(text)
  const [keyName, workspaceName] = [useKeyName(), useWorkspaceName()]
  const names: Partial<Record<Group, (id: string) => string>> = {
    key: keyName,
    workspace: workspaceName,
    class: (id) => t(id === 'batch' ? 'inBatches' : 'live'),
  }
  return (id) => (id === others ? t('others') : (names[group]?.(id) ?? id))
}

/** The page. */
export function Usage() {
  const t = useWords(text)
  const choice = useSearch({ strict: false }) as Choice
  const calls = callsOf(choice, Date.now())
  const path = pathOf(choice, calls)
  const report = useQuery({
    queryKey: ['usage', path],
    queryFn: ({ signal }) => call<Static<typeof UsageReport>>(path, { signal }),
  })
  return (
    <>
      <PageHead
        title={t('title')}
        hint={t('hint')}
        actions={
          <Download path={`${path}&format=csv`} name="usage.csv">
            {t('csv')}
          </Download>
        }
      />
      <Choices choice={choice} />
      {report.isPending && <Loading />}
      {report.isError && <Problem error={report.error} retry={() => void report.refetch()} />}
      {report.data !== undefined && (
        <Report entries={report.data.data as readonly UsageEntry[]} choice={choice} calls={calls} />
      )}
    </>
  )
}

function Choices({ choice }: { readonly choice: Choice }) {
  const t = useWords(text)
  const navigate = useNavigate()
  const models = useModels()
  const change = (changes: Choice) => {
    const next = Object.entries({ ...choice, ...changes }).filter(([, value]) => value !== '')
    void navigate({ to: '/usage', search: Object.fromEntries(next) as never })
  }
  const names = new Set([
    ...(choice.model === undefined ? [] : [choice.model]),
    ...(models.data?.data ?? []).map(({ id }) => id),
  ])
  return (
    <div className="mb-4 grid grid-cols-2 gap-3 md:grid-cols-4">
      <SelectField
        label={t('range')}
        value={choice.range ?? 'month'}
        onChange={(event) => change({ range: event.target.value as 'week' })}
      >
        {(['week', 'month', 'quarter'] as const).map((range) => (
          <option key={range} value={range}>
            {t(range)}
          </option>
        ))}
      </SelectField>
      <SelectField
        label={t('group')}
        value={choice.group ?? 'model'}
        onChange={(event) => change({ group: event.target.value as 'model' })}
      >
        {(['model', 'key', 'workspace', 'class'] as const).map((group) => (
          <option key={group} value={group}>
            {t(group)}
          </option>
        ))}
      </SelectField>
      <SelectField
        label={t('measure')}
        value={choice.measure ?? 'tokens'}
        onChange={(event) => change({ measure: event.target.value as Measure })}
      >
        {(['tokens', 'cost', 'requests'] as const).map((measure) => (
          <option key={measure} value={measure}>
            {t(measure)}
          </option>
        ))}
      </SelectField>
      <SelectField
        label={t('onlyModel')}
        value={choice.model ?? ''}
        onChange={(event) => change({ model: event.target.value })}
      >
        <option value="">{t('anyModel')}</option>
        {[...names].map((name) => (
          <option key={name}>{name}</option>
        ))}
      </SelectField>
    </div>
  )
}

interface ReportProps {
  readonly entries: readonly UsageEntry[]
  readonly choice: Choice
  readonly calls: CallFilters
}

function Report({ entries, choice, calls }: ReportProps) {
  const t = useWords(text)
  const { compact, money, percent, whole } = useFormats()
  const { group = 'model', measure = 'tokens' } = choice
  const behind = { to: '/usage/calls', search: calls }
  if (entries.length === 0) {
    return (
      <Panel>
        <Empty title={t('empty')} hint={t('emptyHint')}>
          <Go to="/playground" look="button">
            {t('toPlayground')}
          </Go>
        </Empty>
      </Panel>
    )
  }
  const sum = (read: (entry: UsageEntry) => number) => entries.reduce((total, entry) => total + read(entry), 0)
  const prompt = sum((entry) => entry.prompt_tokens)
  // Currencies are never added to each other.
  const byCurrency = [...Map.groupBy(entries, (entry) => entry.currency)]
  const costs = byCurrency.map(([one, of]) =>
    money(
      of.reduce((total, entry) => total + entry.cost_nano, 0),
      one,
    ),
  )
  const charts = measure === 'cost' ? byCurrency : [[undefined, entries] as const]
  return (
    <div className="space-y-4">
      <div className="grid grid-cols-2 gap-4 lg:grid-cols-4">
        <Figure {...behind} name={t('cost')} value={costs.join(' + ')} />
        <Figure
          {...behind}
          name={t('requests')}
          value={whole(sum((entry) => entry.requests))}
          note={
            <Go to="/usage/calls" search={{ ...calls, state: 'failed' }} look="plain">
              {`${whole(sum((entry) => entry.errors))} ${t('errors')}`}
            </Go>
          }
        />
        <Figure
          {...behind}
          name={t('input')}
          value={compact(prompt)}
          note={prompt === 0 ? undefined : `${percent(sum((entry) => entry.cached_tokens) / prompt)} ${t('cached')}`}
        />
        <Figure {...behind} name={t('output')} value={compact(sum((entry) => entry.completion_tokens))} />
      </div>
      {charts.map(([currency, of]) => (
        <Drawn key={currency ?? ''} entries={of} currency={currency} {...{ group, measure, calls }} />
      ))}
      <Panel>
        <Rows path={pathOf(choice, calls)} group={group} calls={calls} />
      </Panel>
    </div>
  )
}

interface DrawnProps {
  readonly entries: readonly UsageEntry[]
  readonly group: Group
  readonly measure: Measure
  readonly calls: CallFilters
  /** Of the amounts, where they are amounts. */
  readonly currency: string | undefined
}

/** The chart, which is as high while it loads as it is then. */
function Drawn({ entries, group, measure, calls, currency }: DrawnProps) {
  const t = useWords(text)
  const { compact, money, utcDay, shortDay } = useFormats()
  const navigate = useNavigate()
  const name = useGroupName(group)
  const title = t('chart', { measure: t(measure), group: t(group) })
  const chart = chartOf(entries, group, measure, { first: Date.parse(calls.from ?? ''), last: Date.now() })
  const open = (start: string, of: string) => {
    const search = callsOfDay(calls, start, group, of === others ? chart.rest : of)
    void navigate({ to: '/usage/calls' as never, search: search as never })
  }
  return (
    <Panel title={title}>
      <Suspense fallback={<div className="h-80" />}>
        <UsageChart
          {...{ chart, name, open }}
          label={title}
          figure={(value) => (currency === undefined ? compact(value) : money(value * 1e9, currency))}
          tick={(start) => shortDay(Date.parse(start))}
          day={(start) => utcDay(Date.parse(start))}
        />
      </Suspense>
    </Panel>
  )
}

interface RowsProps {
  readonly path: string
  readonly group: Group
  readonly calls: CallFilters
}

function Rows({ path, group, calls }: RowsProps) {
  const t = useWords(text)
  const { utcDay, whole, money } = useFormats()
  const name = useGroupName(group)
  const idOf = (entry: UsageEntry) => String(entry[group] ?? '')
  /** The calls of a row: of its day, and of its group. */
  const behind = (entry: UsageEntry) => callsOfDay(calls, entry.start ?? '', group, idOf(entry))
  const figure = (show: (entry: UsageEntry) => string) => (entry: UsageEntry) => (
    <Go to="/usage/calls" search={behind(entry)} look="plain">
      {show(entry)}
    </Go>
  )
  const columns: Column<UsageEntry>[] = [
    {
      name: t('day'),
      show: (entry) => <span className="whitespace-nowrap">{utcDay(Date.parse(entry.start ?? ''))}</span>,
    },
    { name: t(group), show: (entry) => name(idOf(entry)) },
    { name: t('requests'), figures: true, show: figure((entry) => whole(entry.requests)) },
    { name: t('input'), figures: true, show: figure((entry) => whole(entry.prompt_tokens)) },
    { name: t('cached'), figures: true, wide: true, show: figure((entry) => whole(entry.cached_tokens)) },
    { name: t('output'), figures: true, show: figure((entry) => whole(entry.completion_tokens)) },
    { name: t('cost'), figures: true, show: figure((entry) => money(entry.cost_nano, entry.currency)) },
  ]
  return (
    <List
      label={t('title')}
      name={['usage', 'days']}
      path={`${path}&limit=50`}
      columns={columns}
      id={(entry) => `${entry.start}/${idOf(entry)}/${entry.currency}`}
      empty={null}
    />
  )
}
