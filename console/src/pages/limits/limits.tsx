// Limits and tiers: what the organisation, a workspace or a key may ask for in a second, a minute, a month; and which tier gives what.
import type { Static } from 'typebox'
import type { LimitObject } from '../../../../src/wire/limit-objects.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { FormDialog } from '../../parts/form.tsx'
import { List } from '../../parts/list.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { useParties } from '../../server/parties.ts'
import { useSession } from '../../server/session.tsx'
import { SetLimit } from './set-limit.tsx'
import { text } from './text.ts'
import { Assigning, Assignments, Tiers } from './tiers.tsx'

type Limit = Static<typeof LimitObject>

/** The page. */
export function Limits() {
  const t = useWords(text)
  const { may } = useSession()
  return (
    <>
      <PageHead
        title={t('title')}
        hint={t('hint')}
        actions={
          may('limits.write') && (
            <FormDialog
              title={t('set')}
              hint={t('setHint')}
              trigger={<Button weight="strong">{t('set')}</Button>}
              form={(close) => <SetLimit close={close} />}
            />
          )
        }
      />
      <div className="space-y-6">
        <Panel title={t('limits')}>
          <Rows />
        </Panel>
        <Panel title={t('assignments')} actions={may('limits.write') && <Assigning />}>
          <Assignments />
        </Panel>
        <Panel title={t('tiers')}>
          <Tiers />
        </Panel>
      </div>
    </>
  )
}

function Rows() {
  const t = useWords(text)
  const { whole } = useFormats()
  const { may } = useSession()
  const nameOf = useParties()
  const figure = (value: number | null) => (value === null ? '–' : whole(value))
  const columns: Column<Limit>[] = [
    {
      name: t('whose'),
      show: (limit) => (
        <div className="min-w-0">
          <span className="font-medium">{nameOf(limit)}</span>
          <div className="text-xs text-muted">{limit.model === '*' ? t('allModels') : limit.model}</div>
        </div>
      ),
    },
    { name: t('requests_per_second'), figures: true, wide: true, show: (limit) => figure(limit.requests_per_second) },
    { name: t('requests_per_minute'), figures: true, show: (limit) => figure(limit.requests_per_minute) },
    { name: t('tokens_per_minute'), figures: true, show: (limit) => figure(limit.tokens_per_minute) },
    { name: t('tokens_per_month'), figures: true, wide: true, show: (limit) => figure(limit.tokens_per_month) },
    { name: t('parallel_requests'), figures: true, wide: true, show: (limit) => figure(limit.parallel_requests) },
  ]
  const actions: Column<Limit> = {
    name: t('actions'),
    actions: true,
    show: (limit) => (
      <div className="flex justify-end gap-1">
        <FormDialog
          title={t('change')}
          hint={nameOf(limit)}
          trigger={<Button weight="quiet">{t('change')}</Button>}
          form={(close) => <SetLimit limit={limit} close={close} />}
        />
        <Confirm
          act={t('remove')}
          title={t('removeTitle', { name: nameOf(limit) })}
          hint={t('removeHint')}
          path={`/galerne/v1/limits?${new URLSearchParams({ scope: limit.scope, subject: limit.subject, model: limit.model })}`}
          stale="limits"
        />
      </div>
    ),
  }
  return (
    <List
      label={t('limits')}
      name={['limits', 'set']}
      path="/galerne/v1/limits"
      columns={may('limits.write') ? [...columns, actions] : columns}
      empty={<Empty title={t('none')} hint={t('noneHint')} />}
      id={(limit) => `${limit.scope}/${limit.subject}/${limit.model}`}
    />
  )
}
