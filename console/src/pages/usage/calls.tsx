// Single calls of models, the newest first: what every figure of usage and costs is the sum of. Filters stand in the address.
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { ArrowLeft } from 'lucide-react'
import type { FormEvent } from 'react'
import type { Static } from 'typebox'
import type { UsageReport } from '../../../../src/wire/usage-report.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { Calls } from '../../parts/calls.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Go } from '../../parts/link.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { type CallFilters, callsQuery, sumsQuery } from '../../server/calls.ts'
import { call } from '../../server/client.ts'
import { useModels } from '../../server/models.ts'
import { useKeyName, useKeys, useWorkspaceName } from '../../server/parties.ts'
import { useSession } from '../../server/session.tsx'
import { useTyped } from '../../server/typed.ts'
import { text } from './text.ts'

/** The page. */
export function UsageCalls() {
  const t = useWords(text)
  const filters = useSearch({ strict: false }) as CallFilters
  const { shadows: _, ...withShadows } = filters
  return (
    <>
      <Go to="/usage" look="back">
        <ArrowLeft aria-hidden className="size-4" />
        {t('title')}
      </Go>
      <PageHead title={t('calls')} hint={t('callsHint')} />
      <FilterBar filters={filters} />
      <Panel>
        {filters.batch !== undefined && (
          <p className="border-b border-line px-4 py-3 text-sm font-medium">{t('ofBatch', { batch: filters.batch })}</p>
        )}
        {filters.request === undefined && filters.batch === undefined && <Sum filters={filters} />}
        {filters.shadows === 'false' && (
          <p className="border-b border-line px-4 py-2 text-xs text-muted">
            {t('noShadows')}{' '}
            <Go to="/usage/calls" search={withShadows} className="underline">
              {t('withShadows')}
            </Go>
          </p>
        )}
        <Calls path={`/galerne/v1/usage/calls?${callsQuery(filters)}`} />
      </Panel>
    </>
  )
}

/** What the calls are together. */
function Sum({ filters }: { readonly filters: CallFilters }) {
  const t = useWords(text)
  const { whole, money } = useFormats()
  const path = `/galerne/v1/usage?${sumsQuery(filters)}`
  const report = useQuery({
    queryKey: ['usage', path],
    refetchInterval: 10_000,
    queryFn: ({ signal }) => call<Static<typeof UsageReport>>(path, { signal }),
  })
  if (report.data === undefined) return null
  const entries = report.data.data
  const sum = (name: 'requests' | 'errors' | 'prompt_tokens' | 'completion_tokens') =>
    whole(entries.reduce((total, entry) => total + entry[name], 0))
  const facts = [
    t('callCount', { count: sum('requests') }),
    t('tokensIn', { count: sum('prompt_tokens') }),
    t('tokensOut', { count: sum('completion_tokens') }),
    ...entries.map((entry) => money(entry.cost_nano, entry.currency)),
  ]
  return (
    <p role="status" className="border-b border-line px-4 py-3 text-sm font-medium">
      {filters.state === 'failed' ? t('failedCount', { count: sum('errors') }) : facts.join(' · ')}
    </p>
  )
}

function FilterBar({ filters }: { readonly filters: CallFilters }) {
  const t = useWords(text)
  const navigate = useNavigate()
  const { session } = useSession()
  const models = useModels()
  const keys = useKeys()
  const [typed, setTyped] = useTyped(filters)
  const same = (id: string) => id
  const nameOf = { key: useKeyName(), workspace: useWorkspaceName(), model: same, class: same, state: same }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const given = Object.entries(typed).filter(([, value]) => value !== undefined && value !== '')
    void navigate({ to: '/usage/calls' as never, search: Object.fromEntries(given) as never })
  }
  const field = (name: 'from' | 'to') => (
    <TextField
      label={t(name)}
      placeholder="2026-12-31"
      spellCheck={false}
      value={typed[name] ?? ''}
      onChange={(event) => setTyped({ ...typed, [name]: event.target.value })}
    />
  )
  const choose = (
    name: 'workspace' | 'key' | 'model' | 'class' | 'state',
    choices: readonly { readonly id: string; readonly name: string }[],
  ) => {
    const chosen = typed[name]
    const known = chosen === undefined || chosen === '' || choices.some(({ id }) => id === chosen)
    return (
      <SelectField
        label={t(`of.${name}`)}
        value={chosen ?? ''}
        onChange={(event) => setTyped({ ...typed, [name]: event.target.value })}
      >
        <option value="">{t('all')}</option>
        {[...(known ? [] : [{ id: chosen, name: chosen.split('\n').map(nameOf[name]).join(', ') }]), ...choices].map(
          (one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ),
        )}
      </SelectField>
    )
  }
  return (
    <form onSubmit={submit} className="mb-4 grid grid-cols-2 gap-3 md:grid-cols-4 md:items-end">
      {field('from')}
      {field('to')}
      {choose(
        'model',
        (models.data?.data ?? []).map(({ id }) => ({ id, name: id })),
      )}
      {choose(
        'key',
        keys.map(({ id, name, hint }) => ({ id, name: `${name} …${hint}` })),
      )}
      {choose('workspace', session.workspaces)}
      {choose('class', [
        { id: 'interactive', name: t('live') },
        { id: 'batch', name: t('inBatches') },
      ])}
      {choose('state', [{ id: 'failed', name: t('failed') }])}
      <Button type="submit">{t('apply')}</Button>
    </form>
  )
}
