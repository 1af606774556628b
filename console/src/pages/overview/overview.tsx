// The overview: what the models are doing now, read every two seconds.
import { useQuery } from '@tanstack/react-query'
import { useRef } from 'react'
import type { Static } from 'typebox'
import type { OverviewObject } from '../../../../src/wire/overview.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Go } from '../../parts/link.tsx'
import { Meter } from '../../parts/meter.tsx'
import { Figure, PageHead, Panel } from '../../parts/panel.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { call } from '../../server/client.ts'
import { useFailure } from '../../server/failure.ts'
import { type Rates, ratesOf } from './rates.ts'
import { text } from './text.ts'
import { Today } from './today.tsx'

/** How often it is read, in milliseconds. */
const every = 2_000

type Overview = Static<typeof OverviewObject>

/** Reads the overview again and again, with the rates between the last two readings. */
function useOverview() {
  const before = useRef<Overview>(undefined)
  return useQuery({
    queryKey: ['overview'],
    refetchInterval: every,
    async queryFn({ signal }) {
      const now = await call<Overview>('/galerne/v1/overview', { signal })
      const rates = ratesOf(before.current, now)
      before.current = now
      return { now, rates }
    },
  })
}

/** The page. */
export function Overview() {
  const t = useWords(text)
  const overview = useOverview()
  const failure = useFailure(overview)
  if (failure !== undefined) return <Problem page error={failure} retry={() => void overview.refetch()} />
  if (overview.data === undefined) return <Loading />
  const { now, rates } = overview.data
  return (
    <>
      <PageHead title={t('title')} hint={t('hint', { version: now.version })} />
      {overview.isError && <Problem error={overview.error} />}
      <Totals now={now} rates={rates} />
      <Today />
      <Panel id="models" title={t('models')} className="mt-6">
        {now.models.length === 0 ? (
          <Empty title={t('none')} hint={t('noneHint')}>
            <Go to="/models" look="button">
              {t('toModels')}
            </Go>
          </Empty>
        ) : (
          <div className="divide-y divide-line">
            {now.models.map((model) => (
              <ModelRow key={model.model} model={model} rate={rates.generated.get(model.model)} />
            ))}
          </div>
        )}
      </Panel>
    </>
  )
}

function Totals({ now, rates }: { readonly now: Overview; readonly rates: Rates }) {
  const t = useWords(text)
  const { whole, one, bytes, percent } = useFormats()
  const sum = (read: (model: Overview['models'][number]) => number) =>
    now.models.reduce((total, model) => total + read(model), 0)
  const prompt = sum((model) => model.prompt_tokens)
  // What goes on now has no rows yet: each model's part stands below.
  const behind = { to: '/', hash: 'models' }
  return (
    <div className="grid grid-cols-2 gap-4 lg:grid-cols-4">
      <Figure
        {...behind}
        name={t('running')}
        value={whole(sum((model) => model.running))}
        note={t('ofStreams', { streams: whole(sum((model) => model.streams)) })}
      />
      <Figure {...behind} name={t('waiting')} value={whole(sum((model) => model.waiting))} />
      <Figure
        {...behind}
        name={t('speed')}
        value={rates.total === undefined ? '–' : one(rates.total)}
        note={prompt > 0 && t('cached', { percent: percent(sum((model) => model.cached_tokens) / prompt) })}
      />
      <Figure
        {...behind}
        name={t('memory')}
        value={bytes(sum((model) => model.memory_bytes ?? 0))}
        note={t('ofServer', { size: bytes(now.resident_bytes) })}
      />
    </div>
  )
}

function ModelRow({ model, rate }: { readonly model: Overview['models'][number]; readonly rate: number | undefined }) {
  const t = useWords(text)
  const { whole, one, percent, compact, bytes } = useFormats()
  const { prompt_tokens: prompt, cached_tokens: cached } = model
  const facts = [
    model.memory_bytes !== null && t('takes', { size: bytes(model.memory_bytes) }),
    t('facts', { context: whole(model.context_length), tokens: compact(model.generated_tokens) }),
    prompt > 0 && t('cachedOf', { cached: compact(cached), prompt: compact(prompt) }),
    model.waiting > 0 && t('inLine', { count: whole(model.waiting) }),
    model.restarts > 0 && t('restarts', { count: whole(model.restarts) }),
  ].filter((fact) => fact !== false)
  return (
    <div className="grid grid-cols-1 gap-x-6 gap-y-3 p-4 sm:grid-cols-[minmax(0,1fr)_10rem_10rem_6rem]">
      <div className="min-w-0">
        <Go to="/playground" look="plain" className="font-medium">
          {model.model}
        </Go>
        <p className="mt-0.5 text-xs text-muted">{facts.join(' · ')}</p>
      </div>
      <Meter
        label={t('streams')}
        value={model.streams === 0 ? 0 : model.running / model.streams}
        shown={`${whole(model.running)} / ${whole(model.streams)}`}
      />
      <Meter label={t('kv')} value={model.kv_use} shown={percent(model.kv_use)} />
      <div className="text-sm">
        <div className="text-xs text-muted">{t('speed')}</div>
        <div className="tabular-nums">{rate === undefined ? '–' : one(rate)}</div>
      </div>
    </div>
  )
}
