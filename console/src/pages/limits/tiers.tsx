// Tiers: what each allows and from which spend on, and who is in which.
import { useState } from 'react'
import type { Static } from 'typebox'
import type { AssignmentList, TierList } from '../../../../src/wire/limit-objects.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Form, FormDialog } from '../../parts/form.tsx'
import { Go } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { PartyFields, useParty } from '../../parts/party.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { useAct } from '../../server/act.ts'
import { useAll } from '../../server/pages.ts'
import { useParties } from '../../server/parties.ts'
import { useSession } from '../../server/session.tsx'
import { NumberFields, useNumbers } from './numbers.tsx'
import { text } from './text.ts'

type Tier = Static<typeof TierList>['data'][number]
type Assignment = Static<typeof AssignmentList>['data'][number]

const idOf = ({ tier, model }: Tier) => `${tier}/${model}`

/** All of them: they are replaced together, and chosen from. */
const useTiers = () => useAll<Tier>(['limits', 'tiers'], '/galerne/v1/tiers?limit=100')

/** What each tier allows. */
export function Tiers() {
  const t = useWords(text)
  const { whole, money } = useFormats()
  const { may } = useSession()
  const figure = (value: number | null | undefined) => (value == null ? '–' : whole(value))
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
      show: (tier) => (tier.spend_above == null ? t('byHand') : money(tier.spend_above * 1e9, tier.currency)),
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
        form={(close) => <ChangeTier tier={tier} close={close} />}
      />
    ),
  }
  return (
    <List
      label={t('tiers')}
      name={['limits', 'tiers']}
      path="/galerne/v1/tiers"
      columns={may('server.write') ? [...columns, change] : columns}
      id={idOf}
      empty={<Empty title={t('noTiers')} hint={t('noTiersHint')} />}
    />
  )
}

function ChangeTier({ tier, close }: { readonly tier: Tier; close(): void }) {
  const t = useWords(text)
  const tiers = useTiers()
  const [above, setAbove] = useState(String(tier.spend_above ?? ''))
  const numbers = useNumbers(tier)
  const put = useAct('limits', close)
  const send = () => {
    const changed = { ...tier, spend_above: above.trim() === '' ? null : Number(above), ...numbers.body() }
    put.mutate({
      path: '/galerne/v1/tiers',
      method: 'PUT',
      body: {
        tiers: tiers.data
          ?.map((one) => (idOf(one) === idOf(tier) ? changed : one))
          .map(({ currency: _, ...one }) => one),
      },
    })
  }
  return (
    <Form act={t('save')} sending={put} send={send} ready={tiers.isSuccess}>
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
export function Assignments() {
  const t = useWords(text)
  const { money } = useFormats()
  const nameOf = useParties()
  const columns: Column<Assignment>[] = [
    { name: t('whose'), show: (row) => <span className="font-medium">{nameOf(row)}</span> },
    {
      name: t('tier'),
      show: (row) =>
        `${row.tier === 0 ? t('free') : t('tierNumber', { tier: row.tier })}${row.automatic ? ` · ${t('automatic')}` : ''}`,
    },
    {
      name: t('spent'),
      figures: true,
      show: (row) => (
        <Go to="/usage/calls" search={row.scope === 'organisation' ? {} : { [row.scope]: row.subject }} look="plain">
          {money(row.spent * 1e9, row.currency)}
        </Go>
      ),
    },
  ]
  return (
    <List
      label={t('assignments')}
      name={['limits', 'assignments']}
      path="/galerne/v1/tiers/assignments"
      columns={columns}
      id={(row) => `${row.scope}/${row.subject}`}
      empty={<Empty title={t('noAssignments')} hint={t('noAssignmentsHint')} />}
    />
  )
}

/** The button that puts somebody into a tier, and its dialog. */
export function Assigning() {
  const t = useWords(text)
  return (
    <FormDialog
      title={t('assign')}
      hint={t('assignHint')}
      trigger={<Button>{t('assign')}</Button>}
      form={(close) => <Assign close={close} />}
    />
  )
}

function Assign({ close }: { close(): void }) {
  const t = useWords(text)
  const tiers = useTiers()
  const party = useParty(['workspace', 'organisation'])
  const [tier, setTier] = useState('auto')
  const put = useAct('limits', close)
  const numbers = [...new Set(tiers.data?.map((one) => one.tier))].sort((one, other) => one - other)
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
