// One trace: its waterfall, and the span that was chosen with what was said and all it carries.
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { ArrowLeft, CircleAlert } from 'lucide-react'
import { useState } from 'react'
import type { Static } from 'typebox'
import type { SpanShape, WholeTraceObject } from '../../../../src/wire/observability.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { join } from '../../parts/class-names.ts'
import { Go } from '../../parts/link.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Loading, Problem } from '../../parts/states.tsx'
import { call } from '../../server/client.ts'
import { useSession } from '../../server/session.tsx'
import { Messages } from './messages.tsx'
import { quoted } from './search.ts'
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
  const firstToken = firstTokenOf(spans)
  const facts = [
    dateTime(Date.parse(trace.start_time)),
    duration(trace.duration_ns / 1e6),
    firstToken !== undefined && t('firstToken', { time: duration(firstToken) }),
    `${whole(trace.input_tokens)} / ${whole(trace.output_tokens)} tokens`,
    trace.cache_read_input_tokens > 0 && t('cached', { count: whole(trace.cache_read_input_tokens) }),
    trace.cost !== null && trace.currency !== null && money(trace.cost, trace.currency),
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
      <Belongs trace={trace} />
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
        <div className="space-y-4 lg:sticky lg:top-8">
          <Panel title={t('waterfall')}>
            <Scale most={rows.reduce((most, { end }) => Math.max(most, end), 0)} />
            <ul className="max-h-[70vh] overflow-y-auto p-2">
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

/** Session, user and tags, each leading to all that have it. */
function Belongs({ trace }: { readonly trace: WholeTrace['trace'] }) {
  const t = useWords(text)
  const { conversation_id: session, user_id: user, tags } = trace
  const all = [
    { name: `${t('session')} ${session}`, q: `conversation_id = ${quoted(session)}`, given: session !== '' },
    { name: `${t('user')} ${user}`, q: `user_id = ${quoted(user)}`, given: user !== '' },
    ...tags.map((tag) => ({ name: tag, q: `has(tags, ${quoted(tag)})`, given: true })),
  ].filter(({ given }) => given)
  if (all.length === 0) return null
  return (
    <ul className="-mt-3 mb-6 flex flex-wrap gap-2">
      {all.map(({ name, q }) => (
        <li key={q} className="min-w-0">
          <Badge tone="plain" long>
            <Go to="/traces" search={{ q }} look="plain">
              {name}
            </Go>
          </Badge>
        </li>
      ))}
    </ul>
  )
}

/** Milliseconds to the first token of the first call of a model; undefined where nobody says. */
function firstTokenOf(spans: readonly SpanShape[]): number | undefined {
  const said = spans.map(({ span_attributes: of }) => of['gen_ai.response.time_to_first_chunk']).find(Boolean)
  const seconds = Number(said ?? Number.NaN)
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined
}

/** The columns of every row: what it is, when it was, how long it took. */
const columns = 'grid grid-cols-[minmax(0,5fr)_minmax(0,6fr)_4.5rem] items-center gap-3 px-2'

/** The time over the bars: its begin, its half, its end. */
function Scale({ most }: { readonly most: number }) {
  const { duration } = useFormats()
  return (
    <div aria-hidden className={join(columns, 'mx-2 mt-2 text-xs text-muted tabular-nums')}>
      <span />
      <span className="flex justify-between gap-1 border-b border-line pb-0.5 whitespace-nowrap">
        <span>0</span>
        <span className="max-sm:hidden">{duration(most / 2)}</span>
        <span>{duration(most)}</span>
      </span>
      <span />
    </div>
  )
}

interface RowProps {
  readonly row: WaterfallRow
  readonly chosen: boolean
  choose(id: string): void
}

function Row({ row: { span, depth, from, length }, chosen, choose }: RowProps) {
  const t = useWords(text)
  const { duration } = useFormats()
  const failed = span.status_code === 'Error'
  return (
    <li>
      <button
        type="button"
        aria-pressed={chosen}
        onClick={() => choose(span.span_id)}
        className={join(
          columns,
          'w-full rounded-lg py-1.5 text-left text-sm',
          chosen ? 'bg-accent-soft' : 'hover:bg-raised',
        )}
      >
        <span className="truncate" title={span.span_name} style={{ paddingLeft: `${Math.min(depth, 8) * 0.9}rem` }}>
          {failed && (
            <CircleAlert role="img" aria-label={t('failed')} className="mr-1 inline size-3.5 align-[-2px] text-bad" />
          )}
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

/** Whether something is said in it: in calls of models and of tools, and in what an application says itself. */
function speaks(span: SpanShape): boolean {
  const { request_model: model, tool_name: tool, input_messages: input, output_messages: output } = span
  return [model, tool, input, output].some((text) => text !== '')
}

function Details({ span }: { readonly span: SpanShape }) {
  const t = useWords(text)
  const attributes = Object.entries({ ...span.span_attributes, ...span.resource_attributes })
  return (
    <Panel title={`${t('details')}: ${span.span_name}`}>
      {span.status_message !== '' && (
        <p className="border-b border-line bg-bad-soft px-4 py-2 text-sm">{span.status_message}</p>
      )}
      {speaks(span) && (
        <div className="border-b border-line p-4">
          <h3 className="mb-2 text-sm font-medium">{t('messages')}</h3>
          <Messages span={span} />
        </div>
      )}
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
