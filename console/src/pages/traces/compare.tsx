// Two traces side by side: their figures, where the time went, what was set otherwise, and what was said otherwise.
import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { ArrowLeft } from 'lucide-react'
import type { Static } from 'typebox'
import type { TraceShape, WholeTraceObject } from '../../../../src/wire/observability.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Difference } from '../../parts/difference.tsx'
import { Go } from '../../parts/link.tsx'
import { Meter } from '../../parts/meter.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { call } from '../../server/client.ts'
import {
  attributesOf,
  type ComparedAttribute,
  type ComparedFigure,
  changeOf,
  figuresOf,
  saidIn,
  timesOf,
} from './differences.ts'
import { text } from './text.ts'

type WholeTrace = Static<typeof WholeTraceObject>

function useTrace(id: string | undefined) {
  return useQuery({
    queryKey: ['trace', id],
    enabled: id !== undefined,
    queryFn: ({ signal }) => call<WholeTrace>(`/galerne/v1/traces/${encodeURIComponent(id ?? '')}`, { signal }),
  })
}

/** The page: the address names both. */
export function CompareTraces() {
  const t = useWords(text)
  const { left, right } = useSearch({ strict: false }) as { readonly left?: string; readonly right?: string }
  const [one, other] = [useTrace(left), useTrace(right)]
  if (left === undefined || right === undefined) {
    return (
      <Empty page title={t('compareNone')} hint={t('compareNoneHint')}>
        <Back />
      </Empty>
    )
  }
  const failed = one.isLoadingError ? one : other
  if (failed.isLoadingError) return <Problem page error={failed.error} retry={() => void failed.refetch()} />
  if (one.data === undefined || other.data === undefined) return <Loading />
  return <View left={one.data} right={other.data} />
}

function Back() {
  const t = useWords(text)
  return (
    <Go to="/traces" look="back">
      <ArrowLeft aria-hidden className="size-4" />
      {t('back')}
    </Go>
  )
}

interface Both {
  readonly left: WholeTrace
  readonly right: WholeTrace
}

function View({ left, right }: Both) {
  const t = useWords(text)
  return (
    <>
      <Back />
      <PageHead title={t('compareTitle')} hint={t('compareHint')} />
      <div className="space-y-4">
        <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">
          <Side name={t('left')} trace={left.trace} />
          <Side name={t('right')} trace={right.trace} />
        </div>
        <Panel title={t('figures')}>
          <Figures left={left} right={right} />
        </Panel>
        <Panel title={t('waterfall')}>
          <Times left={left} right={right} />
        </Panel>
        <Panel title={t('said')}>
          <Said left={left} right={right} />
        </Panel>
        <Panel title={t('setOtherwise')}>
          <Attributes left={left} right={right} />
        </Panel>
      </div>
    </>
  )
}

function Side({ name, trace }: { readonly name: string; readonly trace: TraceShape }) {
  const { dateTime } = useFormats()
  return (
    <Panel className="p-4">
      <p className="text-xs text-muted">{name}</p>
      <Go to="/traces/$traceId" params={{ traceId: trace.trace_id }} className="font-medium">
        {trace.root_span_name || trace.trace_id.slice(0, 8)}
      </Go>
      <p className="mt-0.5 text-xs text-muted">
        {[dateTime(Date.parse(trace.start_time)), trace.models_used.join(', ')].join(' · ')}
      </p>
    </Panel>
  )
}

function Figures({ left, right }: Both) {
  const t = useWords(text)
  const { duration, whole, money, percent } = useFormats()
  const currency = left.trace.currency ?? right.trace.currency ?? 'USD'
  const say = ({ name }: ComparedFigure, value: number | null) => {
    if (value === null) return '–'
    if (name === 'duration') return duration(value)
    return name === 'cost' ? money(value, currency) : whole(value)
  }
  const columns: Column<ComparedFigure>[] = [
    { name: t('figure'), show: (figure) => t(figure.name) },
    { name: t('left'), figures: true, show: (figure) => say(figure, figure.left) },
    { name: t('right'), figures: true, show: (figure) => say(figure, figure.right) },
    {
      name: t('change'),
      figures: true,
      show: (figure) => {
        const change = changeOf(figure)
        if (change === undefined) return '–'
        return change === 0 ? '=' : `${change > 0 ? '+' : ''}${percent(change)}`
      },
    },
  ]
  return (
    <Table label={t('figures')} columns={columns} items={figuresOf(left.trace, right.trace)} id={({ name }) => name} />
  )
}

function Times({ left, right }: Both) {
  const t = useWords(text)
  const { duration } = useFormats()
  const times = timesOf(left.spans, right.spans)
  const most = Math.max(...times.flatMap((time) => [time.left, time.right]), 0.001)
  return (
    <ul className="divide-y divide-line">
      {times.map((time) => (
        <li
          key={time.name}
          className="grid grid-cols-1 gap-x-6 gap-y-1 px-4 py-3 sm:grid-cols-[12rem_minmax(0,1fr)_minmax(0,1fr)]"
        >
          <span className="text-sm">{time.name}</span>
          <Meter label={t('left')} value={time.left / most} shown={duration(time.left)} calm />
          <Meter label={t('right')} value={time.right / most} shown={duration(time.right)} calm />
        </li>
      ))}
    </ul>
  )
}

function Said({ left, right }: Both) {
  const t = useWords(text)
  const [before, after] = [saidIn(left.spans), saidIn(right.spans)]
  return (
    <div className="p-4">
      {before === '' && after === '' ? (
        <p className="text-sm text-muted">{t('noMessages')}</p>
      ) : (
        <Difference before={before} after={after} />
      )}
    </div>
  )
}

function Attributes({ left, right }: Both) {
  const t = useWords(text)
  const rows = attributesOf(left.spans, right.spans)
  if (rows.length === 0) return <p className="p-4 text-sm text-muted">{t('sameAttributes')}</p>
  const code = (value: string | undefined) => <span className="font-mono text-xs break-all">{value ?? '–'}</span>
  const columns: Column<ComparedAttribute>[] = [
    { name: t('attribute'), show: ({ name }) => <span className="text-xs break-all">{name}</span> },
    { name: t('left'), show: (row) => code(row.left) },
    { name: t('right'), show: (row) => code(row.right) },
  ]
  return <Table label={t('setOtherwise')} columns={columns} items={rows} id={({ name }) => name} />
}
