// The audit log: who changed what, when and from where; whether the log is whole; and all of it to take away.
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { ShieldAlert, ShieldCheck } from 'lucide-react'
import type { FormEvent } from 'react'
import type { Static } from 'typebox'
import type { AuditVerification, OpenaiAuditLog } from '../../../../src/wire/audit.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { CodeBlock } from '../../parts/code-block.tsx'
import { Download } from '../../parts/download.tsx'
import { TextField } from '../../parts/field.tsx'
import { Go } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Empty, Problem } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { call } from '../../server/client.ts'
import { useKeys } from '../../server/parties.ts'
import { useTyped } from '../../server/typed.ts'
import { actsOf, type Filters, pathOf } from './filters.ts'
import { text } from './text.ts'

type Entry = Static<typeof OpenaiAuditLog>

/** The page. */
export function Audit() {
  const t = useWords(text)
  const filters = useSearch({ strict: false }) as Filters
  return (
    <>
      <PageHead
        title={t('title')}
        hint={t('hint')}
        actions={
          <>
            <Download path="/galerne/v1/audit/export?format=jsonl" name="audit-log.jsonl">
              JSONL
            </Download>
            <Download path="/galerne/v1/audit/export?format=csv" name="audit-log.csv">
              CSV
            </Download>
          </>
        }
      />
      <Chain />
      <FilterBar filters={filters} />
      <Panel>
        <Entries filters={filters} />
      </Panel>
    </>
  )
}

/** Whether every entry still has the hash that the next one was made from. */
function Chain() {
  const t = useWords(text)
  const { whole } = useFormats()
  const chain = useQuery({
    queryKey: ['audit', 'chain'],
    staleTime: 60_000,
    queryFn: ({ signal }) => call<Static<typeof AuditVerification>>('/galerne/v1/audit/verify', { signal }),
  })
  if (chain.isLoadingError) return <Problem error={chain.error} retry={() => void chain.refetch()} />
  if (chain.data === undefined) {
    return (
      <p role="status" className="mb-4 rounded-lg bg-raised p-3 text-sm text-muted">
        {t('checking')}
      </p>
    )
  }
  const { valid, entries, head, fault } = chain.data
  const Icon = valid ? ShieldCheck : ShieldAlert
  return (
    <div
      role="status"
      className={`mb-4 flex gap-3 rounded-lg p-3 text-sm ${valid ? 'bg-good-soft text-good' : 'bg-bad-soft text-bad'}`}
    >
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0">
        <p className="font-medium">
          {valid ? (
            <Go to="/audit" look="plain">
              {t('whole', { count: whole(entries) })}
            </Go>
          ) : (
            t('broken', { sequence: fault?.sequence ?? entries + 1, reason: fault?.reason ?? '' })
          )}
        </p>
        <p className="mt-0.5 text-xs wrap-anywhere text-ink">{t('head', { head })}</p>
      </div>
    </div>
  )
}

function FilterBar({ filters }: { readonly filters: Filters }) {
  const t = useWords(text)
  const navigate = useNavigate()
  const [typed, setTyped] = useTyped(filters)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const given = Object.entries(typed).filter(([, value]) => value !== undefined && value !== '')
    void navigate({ to: '/audit' as never, search: Object.fromEntries(given) as never })
  }
  const field = (name: keyof Filters, type: 'text' | 'date') => (
    <TextField
      label={t(name)}
      type={type}
      placeholder={type === 'text' ? t('any') : undefined}
      spellCheck={false}
      {...(name === 'act' && { list: 'acts' })}
      value={typed[name] ?? ''}
      onChange={(event) => setTyped({ ...typed, [name]: event.target.value })}
    />
  )
  return (
    <form
      onSubmit={submit}
      className="mb-4 grid grid-cols-2 gap-3 lg:grid-cols-[minmax(0,1fr)_minmax(0,1fr)_10rem_10rem_auto] lg:items-end"
    >
      {field('act', 'text')}
      <datalist id="acts">
        {actsOf.map((act) => (
          <option key={act} value={act} />
        ))}
      </datalist>
      {field('email', 'text')}
      {field('from', 'date')}
      {field('to', 'date')}
      <Button type="submit">{t('apply')}</Button>
    </form>
  )
}

function Entries({ filters }: { readonly filters: Filters }) {
  const t = useWords(text)
  const { dateTime } = useFormats()
  const filtered = Object.keys(filters).length > 0
  const columns: Column<Entry>[] = [
    {
      name: t('when'),
      show: (entry) => dateTime(entry.effective_at * 1_000),
    },
    { name: t('who'), show: (entry) => <Who entry={entry} /> },
    { name: t('act'), show: (entry) => <What entry={entry} /> },
    { name: t('workspace'), wide: true, show: (entry) => entry.project?.name ?? '–' },
  ]
  return (
    <List
      label={t('title')}
      name={['audit', 'list']}
      path={pathOf(filters)}
      columns={columns}
      id={(entry) => entry.id}
      empty={<Empty title={t('empty')} hint={t(filtered ? 'emptyFiltered' : 'emptyHint')} />}
    />
  )
}

interface Person {
  readonly user?: { readonly id: string; readonly email?: string }
  readonly ip_address?: string | null
  readonly id?: string
}

function Who({ entry }: { readonly entry: Entry }) {
  const t = useWords(text)
  const keys = useKeys()
  const actor = entry.actor as { readonly type?: string; readonly session?: Person; readonly api_key?: Person } | null
  const person = actor?.session ?? actor?.api_key
  if (person === undefined) return <span className="text-muted">{t('server')}</span>
  const key = keys.find(({ id }) => id === person.id)?.name ?? person.id ?? ''
  const name = person.user?.email ?? person.user?.id ?? key
  const way = actor?.type === 'session' ? t('session') : t('key', { name: key })
  return (
    <div className="min-w-28 wrap-anywhere">
      {name}
      <div className="text-xs text-muted">{[way, person.ip_address].filter(Boolean).join(' · ')}</div>
    </div>
  )
}

function What({ entry }: { readonly entry: Entry }) {
  const t = useWords(text)
  const acted = (entry as Record<string, unknown>)[entry.type] as
    | { readonly id: string; readonly kind: string; readonly data: object }
    | undefined
  return (
    <div className="min-w-0">
      <span className="font-medium">{entry.type}</span>
      <div className="text-xs break-all text-muted">{acted === undefined ? '' : `${acted.kind} ${acted.id}`}</div>
      {acted !== undefined && Object.keys(acted.data).length > 0 && (
        <details className="mt-1">
          <summary className="cursor-pointer text-xs text-muted">{t('details')}</summary>
          <CodeBlock>{JSON.stringify(acted.data, null, 2)}</CodeBlock>
        </details>
      )}
    </div>
  )
}
