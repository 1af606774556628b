// Tiers: what each allows and from which spend on, and who is in which.
import { useState } from 'react'
import type { Static } from 'typebox'
import type { LimitOverview } from '../../../../src/wire/limit-objects.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Form, FormDialog } from '../../parts/form.tsx'
import { PartyFields, useParty } from '../../parts/party.tsx'
import { Empty } from '../../parts/states.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { useAct } from '../../server/act.ts'
import { useParties } from '../../server/parties.ts'
import { useSession } from '../../server/session.tsx'
import { NumberFields, useNumbers } from './numbers.tsx'
import { text } from './text.ts'

type Overview = Static<typeof LimitOverview>
type Tier = Overview['tiers'][number]
type Assignment = Overview['assignments'][number]

/** What each tier allows. */
export function Tiers({ overview: { tiers, currency } }: { readonly overview: Overview }) {
  const t = useWords(text)
  const { whole, money } = useFormats()
  const { may } = useSession()
  const figure = (value: number | null | undefined) => (value == null ? '–' : whole(value))
  if (tiers.length === 0) return <Empty title={t('noTiers')} hint={t('noTiersHint')} />
  const columns: Column<Tier>[] = [
    {
      name: t('tier'),
      show: (tier) => (
        <div>
          <span className="font-medium">{tier.tier === 0 ? t('free') : t('tierNumber', { tier: tier.tier })}</span>
          {tier.model !== undefined && tier.model !== '*' && <div className="text-xs text-muted">{tier.model}</div>}
        </div>
      ),
    },
    {
      name: t('spendAbove'),
      figures: true,
      show: (tier) => (tier.spend_above == null ? t('byHand') : money(tier.spend_above * 1e9, currency)),
    },
    { name: t('requests_per_second'), figures: true, wide: true, show: (tier) => figure(tier.requests_per_second) },
    { name: t('requests_per_minute'), figures: true, wide: true, show: (tier) => figure(tier.requests_per_minute) },
    { name: t('tokens_per_minute'), figures: true, show: (tier) => figure(tier.tokens_per_minute) },
    { name: t('tokens_per_month'), figures: true, wide: true, show: (tier) => figure(tier.tokens_per_month) },
  ]
  const change: Column<Tier> = {
    name: t('actions'),
    actions: true,
    show: (tier) => (
      <FormDialog
        title={t('changeTier', { tier: tier.tier })}
        trigger={<Button weight="quiet">{t('change')}</Button>}
        form={(close) => <ChangeTier tier={tier} tiers={tiers} close={close} />}
      />
    ),
  }
  return (
    <Table
      label={t('tiers')}
      columns={may('server.write') ? [...columns, change] : columns}
      items={tiers}
      id={(tier) => `${tier.tier}/${tier.model ?? '*'}`}
    />
  )
}

interface ChangeTierProps {
  readonly tier: Tier
  /** All of them: they are replaced together. */
  readonly tiers: readonly Tier[]
  close(): void
}

function ChangeTier({ tier, tiers, close }: ChangeTierProps) {
  const t = useWords(text)
  const [above, setAbove] = useState(String(tier.spend_above ?? ''))
  const numbers = useNumbers(tier)
  const put = useAct('limits', close)
  const send = () => {
    const changed = { ...tier, spend_above: above.trim() === '' ? null : Number(above), ...numbers.body() }
    put.mutate({
      path: '/galerne/v1/tiers',
      method: 'PUT',
      body: { tiers: tiers.map((one) => (one === tier ? changed : one)) },
    })
  }
  return (
    <Form act={t('save')} sending={put} send={send}>
      <TextField
        label={t('spendAbove')}
        hint={t('spendAboveHint')}
        type="number"
        min={0}
        step="any"
        value={above}
        onChange={(event) => setAbove(event.target.value)}
      />
      <NumberFields {...numbers} />
    </Form>
  )
}

/** Who is in which tier. */
export function Assignments({ overview }: { readonly overview: Overview }) {
  const t = useWords(text)
  const { money } = useFormats()
  const nameOf = useParties()
  const rows = overview.assignments
  const columns: Column<Assignment>[] = [
    { name: t('whose'), show: (row) => <span className="font-medium">{nameOf(row)}</span> },
    {
      name: t('tier'),
      show: (row) =>
        `${row.tier === 0 ? t('free') : t('tierNumber', { tier: row.tier })}${row.automatic ? ` · ${t('automatic')}` : ''}`,
    },
    { name: t('spent'), figures: true, show: (row) => money(row.spent * 1e9, overview.currency) },
  ]
  if (rows.length === 0) return <Empty title={t('noAssignments')} hint={t('noAssignmentsHint')} />
  return <Table label={t('assignments')} columns={columns} items={rows} id={(row) => `${row.scope}/${row.subject}`} />
}

/** The button that puts somebody into a tier, and its dialog. */
export function Assigning({ tiers }: { readonly tiers: readonly Tier[] }) {
  const t = useWords(text)
  return (
    <FormDialog
      title={t('assign')}
      hint={t('assignHint')}
      trigger={<Button>{t('assign')}</Button>}
      form={(close) => <Assign tiers={tiers} close={close} />}
    />
  )
}

function Assign({ tiers, close }: { readonly tiers: readonly Tier[]; close(): void }) {
  const t = useWords(text)
  const party = useParty(['workspace', 'organisation'])
  const [tier, setTier] = useState('auto')
  const put = useAct('limits', close)
  const numbers = [...new Set(tiers.map((one) => one.tier))].sort((one, other) => one - other)
  const send = () =>
    put.mutate({
      path: '/galerne/v1/tiers/assignments',
      method: 'PUT',
      body: { ...party.chosen, tier: /^\d+$/.test(tier) ? Number(tier) : tier },
    })
  return (
    <Form act={t('save')} sending={put} send={send}>
      <PartyFields party={party} />
      <SelectField label={t('tier')} value={tier} onChange={(event) => setTier(event.target.value)}>
        <option value="auto">{t('auto')}</option>
        {numbers.map((number) => (
          <option key={number} value={number}>
            {number === 0 ? t('free') : t('tierNumber', { tier: number })}
          </option>
        ))}
        <option value="none">{t('noTier')}</option>
      </SelectField>
    </Form>
  )
}
