// What is shared in this workspace, to be opened again or ended.
import type { Static } from 'typebox'
import type { ShareObject } from '../../../../src/wire/shares.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Go } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import type { Column } from '../../parts/table.tsx'
import { text } from './text.ts'

type Share = Static<typeof ShareObject>

/** The list. */
export function ShareList() {
  const t = useWords(text)
  const { dateTime } = useFormats()
  const columns: Column<Share>[] = [
    {
      name: t('shareTitle'),
      show: (share) => (
        <Go to="/playground" search={{ share: share.id }}>
          {share.title}
        </Go>
      ),
    },
    { name: t('until'), wide: true, show: (share) => dateTime(share.expires_at * 1_000) },
    {
      name: t('end'),
      actions: true,
      show: (share) => (
        <Confirm
          act={t('end')}
          title={t('endTitle', { title: share.title })}
          hint={t('endHint')}
          path={`/galerne/v1/shares/${encodeURIComponent(share.id)}`}
          stale="shares"
        />
      ),
    },
  ]
  return (
    <List
      label={t('shares')}
      name={['shares', 'list']}
      path="/galerne/v1/shares?limit=10"
      columns={columns}
      id={(share) => share.id}
      empty={<p className="py-3 text-sm text-muted">{t('noShares')}</p>}
    />
  )
}
