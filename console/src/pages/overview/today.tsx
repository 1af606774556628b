// The overview's second row: what was asked today, what failed, what it cost, and the budget that is nearest its end.
import { useQuery } from '@tanstack/react-query'
import type { Static } from 'typebox'
import type { BudgetObject } from '../../../../src/wire/limit-objects.ts'
import type { UsageReport } from '../../../../src/wire/usage-report.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Go } from '../../parts/link.tsx'
import { Figure } from '../../parts/panel.tsx'
import { useReason } from '../../parts/reason.ts'
import { callsOfBudget } from '../../server/calls.ts'
import { call } from '../../server/client.ts'
import { useAll } from '../../server/pages.ts'
import { useParties } from '../../server/parties.ts'
import { useSession } from '../../server/session.tsx'
import { text } from './text.ts'

const every = 15_000

/** The row; what one may not see is left out. */
export function Today() {
  const { may } = useSession()
  return (
    <div className="mt-4 grid grid-cols-2 gap-4 lg:grid-cols-4">
      {may('usage.read') && <Used />}
      {may('limits.read') && <Budget />}
    </div>
  )
}

function Used() {
  const t = useWords(text)
  const { whole, money, percent } = useFormats()
  const reason = useReason()
  // Days are days in UTC, as usage counts them.
  const from = new Date().toISOString().slice(0, 10)
  const report = useQuery({
    queryKey: ['usage', 'today', from],
    refetchInterval: every,
    queryFn: ({ signal }) => call<Static<typeof UsageReport>>(`/galerne/v1/usage?from=${from}&width=day`, { signal }),
  })
  // Until it is known nothing is said: a zero would be a figure, too.
  const isKnown = report.data !== undefined
  const entries = report.data?.data ?? []
  const sum = (read: (entry: (typeof entries)[number]) => number) =>
    entries.reduce((total, entry) => total + read(entry), 0)
  const [requests, errors] = [sum((entry) => entry.requests), sum((entry) => entry.errors)]
  const cost = entries.map((entry) => money(entry.cost_nano, entry.currency)).join(' + ')
  const unknown = !isKnown && report.isError ? reason(report.error) : undefined
  return (
    <>
      <Figure
        name={t('requests')}
        value={isKnown ? whole(requests) : '–'}
        note={unknown ?? t('today')}
        to="/usage/calls"
        search={{ from }}
      />
      <Figure
        name={t('errors')}
        value={isKnown ? whole(errors) : '–'}
        note={requests === 0 ? t('today') : t('ofRequests', { percent: percent(errors / requests) })}
        to="/usage/calls"
        search={{ from, state: 'failed' }}
      />
      <Figure
        name={t('spent')}
        value={cost || (isKnown ? '0' : '–')}
        note={t('today')}
        to="/usage/calls"
        search={{ from }}
      />
    </>
  )
}

type OneBudget = Static<typeof BudgetObject>

const use = ({ amount, spent, reserved }: OneBudget) => (amount === 0 ? 1 : (spent + reserved) / amount)

function Budget() {
  const t = useWords(text)
  const { money, percent } = useFormats()
  const nameOf = useParties()
  const reason = useReason()
  const budgets = useAll<OneBudget>(['budgets'], '/galerne/v1/budgets?limit=100', { every })
  const [tightest] = [...(budgets.data ?? [])].sort((one, other) => use(other) - use(one))
  if (budgets.data === undefined) {
    return <Figure name={t('budget')} value="–" note={budgets.isError ? reason(budgets.error) : undefined} />
  }
  if (tightest === undefined) {
    return <Figure name={t('budget')} value={t('noBudget')} note={t('noBudgetNote')} to="/budgets" />
  }
  const amount = (value: number) => money(Math.round(value * 1e9), tightest.currency)
  return (
    <Figure
      name={t('budget')}
      value={percent(use(tightest))}
      note={
        <Go to="/usage/calls" search={callsOfBudget(tightest)} look="plain">
          {t('ofBudget', { spent: amount(tightest.spent), amount: amount(tightest.amount), name: nameOf(tightest) })}
        </Go>
      }
      to="/budgets"
    />
  )
}
