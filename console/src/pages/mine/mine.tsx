// What a key's holder sees of it with the key alone: who they are, what they may, what limits hold, what was spent and is left, and on which calls.
import { useQuery } from '@tanstack/react-query'
import type { Static } from 'typebox'
import type { Whoami } from '../../../../src/wire/identity.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Go } from '../../parts/link.tsx'
import { Meter } from '../../parts/meter.tsx'
import { Figure, PageHead, Panel } from '../../parts/panel.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { timeIn } from '../../server/calls.ts'
import { call } from '../../server/client.ts'
import { useSession } from '../../server/session.tsx'
import { OwnCalls, ownCallsId } from './own-calls.tsx'
import { text } from './text.ts'

type Me = Omit<Static<typeof Whoami>, 'limits' | 'spend'> & {
  readonly limits: { readonly rates?: readonly Rate[]; readonly balances?: readonly Balance[] }
  readonly spend: {
    /** Seconds since 1970. */
    readonly month_start: number
    readonly this_month: readonly Spend[]
    readonly budgets: readonly Balance[]
  }
}

interface Rate {
  readonly scope: string
  readonly model: string
  readonly unit: 'requests' | 'tokens'
  readonly per_seconds: number
  readonly limit: number
}

interface Balance {
  readonly scope: 'key' | 'workspace' | 'organisation'
  readonly subject: string
  readonly model: string
  readonly unit: string
  readonly limit: number
  readonly remaining: number
  /** Seconds since 1970. */
  readonly opened_at: number
  readonly resets_at: number | null
}

interface Spend {
  readonly currency: string
  readonly amount: number
  readonly requests: number
  readonly errors: number
  readonly prompt_tokens: number
  readonly completion_tokens: number
}

/** The page. */
export function Mine() {
  const t = useWords(text)
  const me = useQuery({
    queryKey: ['me'],
    refetchInterval: 10_000,
    queryFn: ({ signal }) => call<Me>('/v1/whoami', { signal }),
  })
  if (me.isPending) return <Loading />
  if (me.isLoadingError) return <Problem page error={me.error} retry={() => void me.refetch()} />
  const { principal, api_key: key, workspace, limits, spend } = me.data
  const who =
    principal.principal_type === 'user' ? (principal.email ?? principal.id) : (principal.name ?? key?.name ?? '')
  return (
    <>
      <PageHead
        title={key?.name ?? t('title')}
        hint={t(key === null ? 'hintPerson' : 'hint', { who, workspace: workspace.name })}
      />
      <div className="space-y-6">
        <Spent spend={spend} />
        <div className="grid grid-cols-1 items-start gap-6 lg:grid-cols-2">
          <Panel title={t('budgets')}>
            <Balances rows={spend.budgets} currency={spend.this_month[0]?.currency} />
          </Panel>
          <Panel title={t('limits')}>
            <Rates rates={limits.rates ?? []} balances={limits.balances ?? []} />
          </Panel>
        </div>
        <OwnCalls since={timeIn(spend.month_start * 1_000)} />
        <Panel title={t('may')}>
          <Card me={me.data} />
        </Panel>
      </div>
    </>
  )
}

function Spent({ spend }: { readonly spend: Me['spend'] }) {
  const t = useWords(text)
  const { money, whole, compact } = useFormats()
  const months = spend.this_month
  const behind = { to: '/me', hash: ownCallsId, search: {} }
  const sum = (read: (one: Spend) => number) => months.reduce((total, one) => total + read(one), 0)
  const amounts = months.map(({ amount, currency }) => money(Math.round(amount * 1e9), currency)).join(' + ')
  return (
    <div className="grid grid-cols-2 gap-4 lg:grid-cols-4">
      <Figure {...behind} name={t('spent')} value={amounts === '' ? '0' : amounts} note={t('thisMonth')} />
      <Figure
        {...behind}
        name={t('requests')}
        value={whole(sum((one) => one.requests))}
        note={
          <>
            {t('thisMonth')} ·{' '}
            <Go {...behind} search={{ state: 'failed' }} look="plain">
              {t('failedOf', { count: whole(sum((one) => one.errors)) })}
            </Go>
          </>
        }
      />
      <Figure {...behind} name={t('input')} value={compact(sum((one) => one.prompt_tokens))} note={t('thisMonth')} />
      <Figure
        {...behind}
        name={t('output')}
        value={compact(sum((one) => one.completion_tokens))}
        note={t('thisMonth')}
      />
    </div>
  )
}

interface BalancesProps {
  readonly rows: readonly Balance[]
  /** Of amounts of money; the server's. */
  readonly currency: string | undefined
}

function Balances({ rows, currency }: BalancesProps) {
  const t = useWords(text)
  const { money, whole, dateTime } = useFormats()
  if (rows.length === 0) return <Empty title={t('noBudget')} hint={t('noBudgetHint')} />
  const say = ({ unit }: Balance, value: number) =>
    unit === 'money' ? money(Math.round(value * 1e9), currency ?? 'USD') : whole(value)
  return (
    <ul className="divide-y divide-line">
      {rows.map((row) => (
        <li key={`${row.scope}/${row.model}/${row.unit}/${row.limit}`} className="p-4">
          <Meter
            label={`${t(row.scope)}${row.model === '*' ? '' : ` · ${row.model}`}`}
            value={row.limit === 0 ? 1 : 1 - row.remaining / row.limit}
            shown={t('left', {
              left: say(row, row.remaining),
              of:
                row.unit === 'money'
                  ? say(row, row.limit)
                  : `${say(row, row.limit)} ${t(`unit.${row.unit}` as 'unit.tokens')}`,
            })}
          />
          <p className="mt-1 flex flex-wrap justify-between gap-x-3 text-xs text-muted">
            <span>{row.resets_at !== null && t('resets', { at: dateTime(row.resets_at * 1_000) })}</span>
            {row.unit !== 'parallel' && <Behind row={row} />}
          </p>
        </li>
      ))}
    </ul>
  )
}

/** Leads to the calls that took of it: one's own are on this page. Of the whole organisation some may see a part alone. */
function Behind({ row: { scope, subject, model, opened_at: opened } }: { readonly row: Balance }) {
  const t = useWords(text)
  const { may } = useSession()
  const search = { from: timeIn(opened * 1_000), ...(model !== '*' && { model }) }
  if (scope === 'key') {
    return (
      <Go to="/me" search={search} hash={ownCallsId}>
        {t('behind')}
      </Go>
    )
  }
  const reach = scope === 'workspace' ? { workspace: subject } : {}
  if ((scope === 'organisation' && !may('spending.read')) || !may('usage.read')) return null
  return (
    <Go to="/usage/calls" search={{ ...search, ...reach }}>
      {t('behind')}
    </Go>
  )
}

function Rates({ rates, balances }: { readonly rates: readonly Rate[]; readonly balances: readonly Balance[] }) {
  const t = useWords(text)
  const { whole } = useFormats()
  if (rates.length === 0 && balances.length === 0) return <Empty title={t('noLimit')} hint={t('noLimitHint')} />
  const per = (seconds: number) => t(seconds === 1 ? 'second' : 'minute')
  return (
    <>
      {rates.length > 0 && (
        <ul className="divide-y divide-line text-sm">
          {rates.map((rate) => (
            <li key={JSON.stringify(rate)} className="flex flex-wrap justify-between gap-x-3 px-4 py-2.5">
              <span className="min-w-0">
                {t(rate.scope as 'key')}
                {rate.model !== '*' && <span className="text-muted"> · {rate.model}</span>}
              </span>
              <span className="whitespace-nowrap tabular-nums">{`${whole(rate.limit)} ${t(`unit.${rate.unit}`)} / ${per(rate.per_seconds)}`}</span>
            </li>
          ))}
        </ul>
      )}
      {balances.length > 0 && (
        <div className="border-t border-line">
          <Balances rows={balances} currency={undefined} />
        </div>
      )}
    </>
  )
}

function Card({ me: { api_key: key, permissions } }: { readonly me: Me }) {
  const t = useWords(text)
  const { day } = useFormats()
  const { may } = useSession()
  const all = t('all')
  const facts =
    key === null
      ? []
      : ([
          [t('role'), key.role],
          [t('models'), key.models?.join(', ') ?? all],
          [t('endpoints'), key.endpoints?.join(', ') ?? all],
          [t('addresses'), key.ip_ranges?.join(', ') ?? all],
          [t('ends'), key.expires_at === null ? t('never') : day(key.expires_at * 1_000)],
        ] as const)
  return (
    <div className="p-4 text-sm">
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-2">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-muted">{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        <dt className="text-muted">{t('permissions')}</dt>
        <dd className="flex flex-wrap gap-1">
          {permissions.map((permission) => (
            <Badge key={permission} tone="plain">
              {permission}
            </Badge>
          ))}
        </dd>
      </dl>
      {may('models.use') && (
        <p className="mt-4 text-xs text-muted">
          {t('more')}{' '}
          <Go to="/playground" className="underline">
            {t('playground')}
          </Go>
        </p>
      )}
    </div>
  )
}
