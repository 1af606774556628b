// Budgets: what may be spent, what was, and who is told when it comes near.
import type { Static } from 'typebox'
import type { BudgetObject } from '../../../../src/wire/limit-objects.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { FormDialog } from '../../parts/form.tsx'
import { Go } from '../../parts/link.tsx'
import { Pages } from '../../parts/list.tsx'
import { Meter } from '../../parts/meter.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import { callsOfBudget } from '../../server/calls.ts'
import { useParties } from '../../server/parties.ts'
import { useSession } from '../../server/session.tsx'
import { SetBudget } from './set-budget.tsx'
import { text } from './text.ts'

type Budget = Static<typeof BudgetObject>

/** The page. */
export function Budgets() {
  const t = useWords(text)
  const { may } = useSession()
  return (
    <>
      <PageHead
        title={t('title')}
        hint={t('hint')}
        actions={
          may('budgets.write') && (
            <FormDialog
              title={t('make')}
              hint={t('makeHint')}
              trigger={<Button weight="strong">{t('make')}</Button>}
              form={(close) => <SetBudget close={close} />}
            />
          )
        }
      />
      <Panel>
        <All />
      </Panel>
    </>
  )
}

function All() {
  const t = useWords(text)
  const empty = <Empty title={t('none')} hint={t('noneHint')} />
  return (
    <Pages<Budget> name={['budgets', 'list']} path="/galerne/v1/budgets" every={10_000} empty={empty}>
      {(budgets) => (
        <ul aria-label={t('title')} className="divide-y divide-line">
          {budgets.map((budget) => (
            <li key={budget.id} className="p-4">
              <One budget={budget} />
            </li>
          ))}
        </ul>
      )}
    </Pages>
  )
}

function One({ budget }: { readonly budget: Budget }) {
  const t = useWords(text)
  const { money, percent, dateTime } = useFormats()
  const { may } = useSession()
  const name = useParties()(budget)
  const amount = (value: number) => money(Math.round(value * 1e9), budget.currency)
  const used = budget.amount === 0 ? 1 : (budget.spent + budget.reserved) / budget.amount
  const left = Math.max(0, budget.amount - budget.spent - budget.reserved)
  const facts = [
    t('left', { amount: amount(left) }),
    budget.reserved > 0 && t('reserved', { amount: amount(budget.reserved) }),
    budget.closes_at !== null && t('closes', { at: dateTime(budget.closes_at * 1_000) }),
    budget.time_zone !== 'UTC' && budget.time_zone,
  ].filter((fact) => fact !== false)
  return (
    <div className="space-y-3">
      <div className="flex flex-wrap items-start justify-between gap-2">
        <div className="min-w-0">
          <h2 className="text-sm font-semibold">{name}</h2>
          <p className="mt-0.5 text-xs text-muted">{facts.join(' · ')}</p>
        </div>
        <div className="flex items-center gap-1">
          <Badge tone={budget.hard ? 'plain' : 'warn'}>{t(budget.hard ? 'hard' : 'soft')}</Badge>
          {may('budgets.write') && (
            <>
              <FormDialog
                title={t('change')}
                hint={name}
                trigger={<Button weight="quiet">{t('change')}</Button>}
                form={(close) => <SetBudget budget={budget} close={close} />}
              />
              <Confirm
                act={t('remove')}
                title={t('removeTitle', { name })}
                hint={t('removeHint')}
                path={`/galerne/v1/budgets/${encodeURIComponent(budget.id)}`}
                stale="budgets"
              />
            </>
          )}
        </div>
      </div>
      <Meter
        label={t(`per.${budget.period}`)}
        value={used}
        shown={t('ofAmount', { spent: amount(budget.spent), amount: amount(budget.amount), percent: percent(used) })}
      />
      <Raised {...budget} />
      <div className="flex flex-wrap items-center justify-between gap-2 text-xs text-muted">
        <span className="min-w-0">{alertsOf(budget, t)}</span>
        <Go to="/usage/calls" search={callsOfBudget(budget)}>
          {t('behind')}
        </Go>
      </div>
    </div>
  )
}

/** What was told in this window, and what could not be. */
function Raised({ alerts, emails, webhook }: Budget) {
  const t = useWords(text)
  const { dateTime } = useFormats()
  if (alerts.length === 0) return null
  const nobody = emails.length === 0 && webhook === null
  return (
    <ul className="space-y-0.5 text-xs">
      {alerts.map(({ threshold, at, state, error }) => (
        <li key={`${threshold}/${at}`} className={state === 'sent' ? 'text-muted' : 'text-bad'}>
          {t(state === 'sent' && nobody ? 'alert.reached' : `alert.${state}`, {
            at: `${threshold} %`,
            when: dateTime(at * 1_000),
            reason: error ?? '',
          })}
        </li>
      ))}
    </ul>
  )
}

/** Who is told, and when. */
function alertsOf(
  { thresholds, emails, webhook }: Budget,
  t: (key: 'alerts' | 'noAlerts', values?: Record<string, string>) => string,
): string {
  const to = [...emails, ...(webhook === null ? [] : [webhook])]
  if (thresholds.length === 0 || to.length === 0) return t('noAlerts')
  return t('alerts', { at: thresholds.map((one) => `${one} %`).join(', '), to: to.join(', ') })
}
