// Makes a budget, or changes one.
import { useState } from 'react'
import type { Static } from 'typebox'
import type { BudgetObject } from '../../../../src/wire/limit-objects.ts'
import { useWords } from '../../language/language.tsx'
import { CheckField, SelectField, TextField } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { PartyFields, useParty } from '../../parts/party.tsx'
import { Secret } from '../../parts/secret.tsx'
import { useAct } from '../../server/act.ts'
import { text } from './text.ts'

type Budget = Static<typeof BudgetObject>

const periods = ['day', 'week', 'month', 'year', 'ever'] as const
const list = (typed: string) =>
  typed
    .split(/[\s,;]+/)
    .map((word) => word.replace('%', ''))
    .filter((word) => word !== '')

/** The form. */
export function SetBudget({ budget, close }: { readonly budget?: Budget; close(): void }) {
  const t = useWords(text)
  const party = useParty()
  const [amount, setAmount] = useState(String(budget?.amount ?? ''))
  const [period, setPeriod] = useState<Budget['period']>(budget?.period ?? 'month')
  const [hard, setHard] = useState(budget?.hard ?? true)
  const [thresholds, setThresholds] = useState((budget?.thresholds ?? [50, 80, 100]).join(', '))
  const [emails, setEmails] = useState((budget?.emails ?? []).join(', '))
  const [webhook, setWebhook] = useState(budget?.webhook ?? '')
  const [secret, setSecret] = useState<string>()
  const put = useAct<Budget>('budgets', ({ webhook_secret: made }) => (made === undefined ? close() : setSecret(made)))
  const send = () =>
    put.mutate({
      path: budget === undefined ? '/galerne/v1/budgets' : `/galerne/v1/budgets/${encodeURIComponent(budget.id)}`,
      method: 'POST',
      body: {
        ...(budget === undefined && party.chosen),
        ...{ amount: Number(amount), period, hard },
        ...{ thresholds: list(thresholds).map(Number), emails: list(emails) },
        webhook: webhook.trim() === '' ? null : webhook.trim(),
      },
    })
  if (secret !== undefined) return <Secret value={secret} hint={t('secretHint')} done={close} />
  return (
    <Form act={t('save')} sending={put} send={send} ready={amount.trim() !== ''}>
      {budget === undefined && <PartyFields party={party} />}
      <div className="grid gap-3 sm:grid-cols-2">
        <TextField
          label={t('amount')}
          hint={t('amountHint')}
          type="number"
          min={0}
          step="any"
          required
          value={amount}
          onChange={(event) => setAmount(event.target.value)}
        />
        <SelectField
          label={t('period')}
          value={period}
          onChange={(event) => setPeriod(event.target.value as Budget['period'])}
        >
          {periods.map((one) => (
            <option key={one} value={one}>
              {t(`per.${one}`)}
            </option>
          ))}
        </SelectField>
      </div>
      <CheckField label={t('refuse')} checked={hard} onChange={(event) => setHard(event.target.checked)} />
      <TextField
        label={t('thresholds')}
        hint={t('thresholdsHint')}
        value={thresholds}
        onChange={(event) => setThresholds(event.target.value)}
      />
      <TextField
        label={t('emails')}
        hint={t('emailsHint')}
        value={emails}
        onChange={(event) => setEmails(event.target.value)}
      />
      <TextField
        label={t('webhook')}
        hint={t('webhookHint')}
        type="url"
        value={webhook}
        onChange={(event) => setWebhook(event.target.value)}
      />
    </Form>
  )
}
