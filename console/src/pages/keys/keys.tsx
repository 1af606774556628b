// The keys of the workspace: who holds what, made and revoked here.
import type { Static } from 'typebox'
import type { KeyObject } from '../../../../src/wire/keys.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Go } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { useSession } from '../../server/session.tsx'
import { MakeKey } from './make-key.tsx'
import { text } from './text.ts'

type Key = Static<typeof KeyObject>

/** The page. */
export function Keys() {
  const t = useWords(text)
  const { may } = useSession()
  return (
    <>
      <PageHead title={t('title')} hint={t('hint')} actions={may('keys.write') && <MakeKey />} />
      <Panel>
        <Rows />
      </Panel>
    </>
  )
}

function Rows() {
  const t = useWords(text)
  const columns = useColumns()
  return (
    <List
      label={t('title')}
      name={['keys', 'list']}
      path="/galerne/v1/keys?limit=50"
      columns={columns}
      id={(key) => key.id}
      empty={<Empty title={t('empty')} hint={t('emptyHint')} />}
    />
  )
}

function stateOf(key: Key, now: number): 'works' | 'ended' | 'revoked' {
  if (key.revoked_at !== null) return 'revoked'
  return key.expires_at !== null && key.expires_at * 1_000 <= now ? 'ended' : 'works'
}

function useColumns(): readonly Column<Key>[] {
  const t = useWords(text)
  const { ago, day } = useFormats()
  const { may } = useSession()
  const columns: Column<Key>[] = [
    {
      name: t('name'),
      show: (key) => (
        <div>
          <span className="font-medium">{key.name}</span>{' '}
          <span className="font-mono text-xs text-muted">…{key.hint}</span>
          {key.models !== null && <div className="text-xs text-muted">{key.models.join(', ')}</div>}
        </div>
      ),
    },
    { name: t('role'), show: (key) => key.role },
    {
      name: t('state'),
      show: (key) => {
        const state = stateOf(key, Date.now())
        return <Badge tone={state === 'works' ? 'good' : 'plain'}>{t(state)}</Badge>
      },
    },
    {
      name: t('lastUsed'),
      wide: true,
      show: (key) =>
        key.last_used_at === null ? (
          t('never')
        ) : (
          <Go to="/usage/calls" search={{ key: key.id }} look="plain">
            {ago(key.last_used_at * 1_000, Date.now())}
          </Go>
        ),
    },
    { name: t('made'), wide: true, show: (key) => day(key.created_at * 1_000) },
    {
      name: t('traces'),
      wide: true,
      show: (key) => (
        <Go to="/traces" search={{ q: `key_id = '${key.id}'` }}>
          {t('traces')}
        </Go>
      ),
    },
  ]
  if (!may('keys.write')) return columns
  return [
    ...columns,
    {
      name: t('revoke'),
      actions: true,
      show: (key) =>
        stateOf(key, Date.now()) === 'works' ? (
          <Confirm
            act={t('revoke')}
            title={t('revokeTitle', { name: key.name })}
            hint={t('revokeHint')}
            path={`/galerne/v1/keys/${encodeURIComponent(key.id)}`}
            stale="keys"
          />
        ) : null,
    },
  ]
}
