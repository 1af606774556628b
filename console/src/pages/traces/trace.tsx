// One trace: its waterfall, and the span that was chosen with what was said and all it carries.
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { ArrowLeft } from 'lucide-react'
import { useState } from 'react'
import type { Static } from 'typebox'
import type { SpanShape, WholeTraceObject } from '../../../../src/wire/observability.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { join } from '../../parts/class-names.ts'
import { Go } from '../../parts/link.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Loading, Problem } from '../../parts/states.tsx'
import { call } from '../../server/client.ts'
import { useSession } from '../../server/session.tsx'
import { Messages } from './messages.tsx'
import { text } from './text.ts'
import { type WaterfallRow, waterfall } from './tree.ts'

type WholeTrace = Static<typeof WholeTraceObject>

/** The page. */
export function Trace() {
  const { traceId = '' } = useParams({ strict: false }) as { readonly traceId?: string }
  const whole = useQuery({
    queryKey: ['trace', traceId],
    queryFn: ({ signal }) => call<WholeTrace>(`/galerne/v1/traces/${encodeURIComponent(traceId)}`, { signal }),
  })
  if (whole.isPending) return <Loading />
  if (whole.isLoadingError) return <Problem page error={whole.error} retry={() => void whole.refetch()} />
  return <View {...whole.data} />
}

function View({ trace, spans, feedback }: WholeTrace) {
  const t = useWords(text)
  const { duration, dateTime, whole, money } = useFormats()
  const { may } = useSession()
  const rows = waterfall(spans)
  const [chosen, choose] = useState(trace.root_span_id)
  const span = spans.find((one) => one.span_id === chosen) ?? spans[0]
  const facts = [
    dateTime(Date.parse(trace.start_time)),
    duration(trace.duration_ns / 1e6),
    `${whole(trace.input_tokens)} / ${whole(trace.output_tokens)} tokens`,
    trace.cache_read_input_tokens > 0 && t('cached', { count: whole(trace.cache_read_input_tokens) }),
    trace.cost !== null && trace.currency !== null && money(trace.cost, trace.currency),
    trace.conversation_id !== '' && `${t('session')} ${trace.conversation_id}`,
    trace.user_id !== '' && `${t('user')} ${trace.user_id}`,
    ...trace.tags,
  ].filter((fact) => fact !== false)
  return (
    <>
      <Go to="/traces" look="back">
        <ArrowLeft aria-hidden className="size-4" />
        {t('back')}
      </Go>
      <PageHead
        title={trace.root_span_name}
        hint={facts.join(' · ')}
        actions={
          may('models.use') &&
          trace.llm_call_count > 0 && (
            <Go to="/playground" search={{ trace: trace.trace_id }} look="button">
              {t('replay')}
            </Go>
          )
        }
      />
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
        <div className="space-y-4">
          <Panel title={t('waterfall')}>
            <ul className="p-2">
              {rows.map((row) => (
                <Row key={row.span.span_id} row={row} chosen={row.span === span} choose={choose} />
              ))}
            </ul>
          </Panel>
          {feedback.length > 0 && (
            <Panel title={t('feedback')}>
              <ul className="divide-y divide-line text-sm">
                {feedback.map((one) => (
                  <li key={one.id} className="px-4 py-3">
                    <span className="font-medium">{one.name}</span>{' '}
                    {[one.score, one.label].filter((value) => value !== null).join(' · ')}
                    {one.comment !== null && <p className="mt-1 text-muted">{one.comment}</p>}
                  </li>
                ))}
              </ul>
            </Panel>
          )}
        </div>
        {span !== undefined && <Details span={span} />}
      </div>
    </>
  )
}

interface RowProps {
  readonly row: WaterfallRow
  readonly chosen: boolean
  choose(id: string): void
}

function Row({ row: { span, depth, from, length }, chosen, choose }: RowProps) {
  const { duration } = useFormats()
  const failed = span.status_code === 'Error'
  return (
    <li>
      <button
        type="button"
        aria-pressed={chosen}
        onClick={() => choose(span.span_id)}
        className={join(
          'grid w-full grid-cols-[minmax(0,1fr)_minmax(0,1fr)_4.5rem] items-center gap-3 rounded-lg px-2 py-1.5 text-left text-sm',
          chosen ? 'bg-accent-soft' : 'hover:bg-raised',
        )}
      >
        <span className="truncate" style={{ paddingLeft: `${Math.min(depth, 8) * 0.9}rem` }}>
          {span.span_name}
        </span>
        <span className="relative h-2 rounded-full bg-raised">
          <span
            className={join('absolute inset-y-0 rounded-full', failed ? 'bg-bad' : 'bg-accent')}
            style={{ left: `${from * 100}%`, width: `${length * 100}%` }}
          />
        </span>
        <span className="text-right text-xs text-muted tabular-nums">{duration(span.duration_ns / 1e6)}</span>
      </button>
    </li>
  )
}

function Details({ span }: { readonly span: SpanShape }) {
  const t = useWords(text)
  const attributes = Object.entries({ ...span.span_attributes, ...span.resource_attributes })
  return (
    <Panel title={`${t('details')}: ${span.span_name}`}>
      {span.status_message !== '' && (
        <p className="border-b border-line bg-bad-soft px-4 py-2 text-sm">{span.status_message}</p>
      )}
      <div className="border-b border-line p-4">
        <h3 className="mb-2 text-sm font-medium">{t('messages')}</h3>
        <Messages span={span} />
      </div>
      <div className="p-4">
        <h3 className="mb-2 text-sm font-medium">{t('attributes')}</h3>
        <dl className="grid grid-cols-[minmax(0,1fr)_minmax(0,1fr)] gap-x-4 gap-y-1.5 text-xs">
          {attributes.map(([name, value]) => (
            <div key={name} className="contents">
              <dt className="text-muted">{name}</dt>
              <dd className="font-mono break-all">{value}</dd>
            </div>
          ))}
        </dl>
      </div>
    </Panel>
  )
}
