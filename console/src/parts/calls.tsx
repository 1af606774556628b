// Calls of models as rows: what a figure of requests, tokens or money counts.
import type { Static } from 'typebox'
import type { CallObject } from '../../../src/wire/usage-report.ts'
import { useFormats, useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { useKeyName } from '../server/parties.ts'
import { useSession } from '../server/session.tsx'
import { Badge } from './badge.tsx'
import { Go } from './link.tsx'
import { List } from './list.tsx'
import { Empty } from './states.tsx'
import type { Column } from './table.tsx'

const text = words({
  en: {
    calls: 'Calls',
    when: 'When',
    model: 'Model',
    key: 'Key',
    state: 'State',
    input: 'Tokens in',
    cached: '{count} cached',
    output: 'Tokens out',
    cost: 'Cost',
    took: 'Took',
    ok: 'answered',
    abandoned: 'its client left',
    batch: 'batch',
    chat: 'chat',
    complete: 'completion',
    embed: 'embeddings',
    rank: 'rerank',
    none: 'No call here',
    noneHint: 'Another time or fewer filters may show some.',
  },
  fr: {
    calls: 'Appels',
    when: 'Quand',
    model: 'Modèle',
    key: 'Clé',
    state: 'État',
    input: 'Tokens entrés',
    cached: '{count} en cache',
    output: 'Tokens sortis',
    cost: 'Coût',
    took: 'Durée',
    ok: 'répondu',
    abandoned: 'client parti',
    batch: 'lot',
    chat: 'chat',
    complete: 'complétion',
    embed: 'embeddings',
    rank: 'rerank',
    none: 'Aucun appel ici',
    noneHint: 'Une autre période ou moins de filtres en montreront peut-être.',
  },
})

type Call = Static<typeof CallObject>

interface CallsProps {
  /** Path of the list, with its query. */
  readonly path: string
  /** They are all of one key. */
  readonly own?: boolean
}

/** The list. */
export function Calls({ path, own }: CallsProps) {
  const t = useWords(text)
  const { dateTime, whole, money, duration } = useFormats()
  const keyName = useKeyName()
  const { session } = useSession()
  const columns: Column<Call>[] = [
    {
      name: t('when'),
      show: (call) => (
        <div>
          <span className="whitespace-nowrap">{dateTime(Date.parse(call.at))}</span>
          <div className="font-mono text-xs text-muted">
            {call.workspace === session.workspace ? (
              <Go to="/traces/$traceId" params={{ traceId: call.request_id }} look="plain">
                {call.request_id}
              </Go>
            ) : (
              call.request_id
            )}
          </div>
        </div>
      ),
    },
    {
      name: t('model'),
      show: (call) => (
        <div className="min-w-24 wrap-anywhere">
          {call.model}
          <div className="text-xs text-muted">
            {[t(call.operation), call.class === 'batch' && t('batch')].filter(Boolean).join(' · ')}
          </div>
        </div>
      ),
    },
    { name: t('key'), wide: true, show: (call) => <div className="min-w-20">{keyName(call.key)}</div> },
    { name: t('state'), show: ({ status }) => <State status={status} /> },
    {
      name: t('input'),
      figures: true,
      show: (call) => (
        <>
          {whole(call.prompt_tokens)}
          {call.cached_tokens > 0 && (
            <div className="text-xs whitespace-nowrap text-muted">
              {t('cached', { count: whole(call.cached_tokens) })}
            </div>
          )}
        </>
      ),
    },
    { name: t('output'), figures: true, show: (call) => whole(call.completion_tokens) },
    { name: t('cost'), figures: true, show: (call) => money(call.cost_nano, call.currency) },
    {
      name: t('took'),
      figures: true,
      wide: true,
      show: (call) => <span className="whitespace-nowrap">{duration(call.duration_ms)}</span>,
    },
  ]
  return (
    <List
      label={t('calls')}
      name={['usage', 'calls']}
      path={path}
      columns={own === true ? columns.filter(({ name }) => name !== t('key')) : columns}
      id={(call) => call.id}
      every={10_000}
      empty={<Empty title={t('none')} hint={t('noneHint')} />}
    />
  )
}

function State({ status }: { readonly status: string }) {
  const t = useWords(text)
  if (status === 'ok') return <Badge tone="good">{t('ok')}</Badge>
  if (status === 'abandoned') return <Badge tone="plain">{t('abandoned')}</Badge>
  return (
    <Badge tone="bad" long>
      {status}
    </Badge>
  )
}
