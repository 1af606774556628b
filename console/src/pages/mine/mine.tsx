// What a key's holder sees of it with the key alone: who they are, what they may, what limits hold, what was spent and is left, what failed.
import { useQuery } from '@tanstack/react-query'
import type { Static } from 'typebox'
import type { Whoami } from '../../../../src/wire/identity.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Go } from '../../parts/link.tsx'
import { Meter } from '../../parts/meter.tsx'
import { Figure, PageHead, Panel } from '../../parts/panel.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { Table } from '../../parts/table.tsx'
import { call } from '../../server/client.ts'
import { text } from './text.ts'

type Me = Omit<Static<typeof Whoami>, 'limits' | 'spend' | 'last_errors'> & {
  readonly limits: { readonly rates?: readonly Rate[]; readonly balances?: readonly Balance[] }
  readonly spend: { readonly this_month?: readonly Spend[]; readonly budgets?: readonly Balance[] }
  readonly last_errors: readonly LastError[]
}

interface Rate {
  readonly scope: string
  readonly model: string
  readonly unit: 'requests' | 'tokens'
  readonly per_seconds: number
  readonly limit: number
}

interface Balance {
  readonly scope: string
  readonly model: string
  readonly unit: string
  readonly limit: number
  readonly remaining: number
  /** Seconds since 1970. */
  readonly resets_at: number | null
}

interface Spend {
  readonly currency: string
  readonly amount: number
  readonly requests: number
  readonly prompt_tokens: number
  readonly completion_tokens: number
}

interface LastError {
  readonly request_id: string
  readonly at: number
  readonly model: string
  readonly operation: string
  readonly code: string
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
  if (me.isError) return <Problem page error={me.error} retry={() => void me.refetch()} />
  const { principal, api_key: key, workspace, limits, spend, last_errors: errors } = me.data
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
            <Balances rows={spend.budgets ?? []} currency={spend.this_month?.[0]?.currency} />
          </Panel>
          <Panel title={t('limits')}>
            <Rates rates={limits.rates ?? []} balances={limits.balances ?? []} />
          </Panel>
        </div>
        <Panel title={t('errors')}>
          <Errors errors={errors} />
        </Panel>
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
  const months = spend.this_month ?? []
  const sum = (read: (one: Spend) => number) => months.reduce((total, one) => total + read(one), 0)
  const amounts = months.map(({ amount, currency }) => money(Math.round(amount * 1e9), currency)).join(' + ')
  return (
    <div className="grid grid-cols-2 gap-4 lg:grid-cols-4">
      <Figure name={t('spent')} value={amounts === '' ? '0' : amounts} note={t('thisMonth')} />
      <Figure name={t('requests')} value={whole(sum((one) => one.requests))} note={t('thisMonth')} />
      <Figure name={t('input')} value={compact(sum((one) => one.prompt_tokens))} note={t('thisMonth')} />
      <Figure name={t('output')} value={compact(sum((one) => one.completion_tokens))} note={t('thisMonth')} />
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
            label={`${t(row.scope as 'key')}${row.model === '*' ? '' : ` · ${row.model}`}`}
            value={row.limit === 0 ? 1 : 1 - row.remaining / row.limit}
            shown={t('left', {
              left: say(row, row.remaining),
              of:
                row.unit === 'money'
                  ? say(row, row.limit)
                  : `${say(row, row.limit)} ${t(`unit.${row.unit}` as 'unit.tokens')}`,
            })}
          />
          {row.resets_at !== null && (
            <p className="mt-1 text-xs text-muted">{t('resets', { at: dateTime(row.resets_at * 1_000) })}</p>
          )}
        </li>
      ))}
    </ul>
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

function Errors({ errors }: { readonly errors: readonly LastError[] }) {
  const t = useWords(text)
  const { ago } = useFormats()
  if (errors.length === 0) return <Empty title={t('noErrors')} hint={t('noErrorsHint')} />
  return (
    <Table
      label={t('errors')}
      items={errors}
      id={(error) => `${error.request_id}/${error.at}`}
      columns={[
        {
          name: t('when'),
          show: (error) => <span className="whitespace-nowrap">{ago(error.at * 1_000, Date.now())}</span>,
        },
        { name: t('code'), show: (error) => <Badge tone="bad">{error.code}</Badge> },
        { name: t('model'), show: (error) => error.model },
        {
          name: t('request'),
          wide: true,
          show: (error) => <span className="font-mono text-xs">{error.request_id}</span>,
        },
      ]}
    />
  )
}

function Card({ me: { api_key: key, permissions } }: { readonly me: Me }) {
  const t = useWords(text)
  const { day } = useFormats()
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
      <p className="mt-4 text-xs text-muted">
        {t('more')}{' '}
        <Go to="/playground" className="underline">
          {t('playground')}
        </Go>
      </p>
    </div>
  )
}
