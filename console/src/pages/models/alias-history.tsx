// The changes of an alias: who pointed it where and when, and why a canary was taken back.
import type { AliasChangeShown } from '../../../../src/wire/aliases.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { List } from '../../parts/list.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { useKeys } from '../../server/parties.ts'
import { text } from './text.ts'

/** The button and the changes behind it. */
export function AliasHistory({ alias }: { readonly alias: string }) {
  const t = useWords(text)
  return (
    <Dialog
      title={t('historyOf', { alias })}
      trigger={
        <Button weight="quiet" aria-label={t('historyOf', { alias })}>
          {t('history')}
        </Button>
      }
    >
      <Changes alias={alias} />
    </Dialog>
  )
}

function Changes({ alias }: { readonly alias: string }) {
  const t = useWords(text)
  const { dateTime, one } = useFormats()
  const keys = useKeys()
  const led = (state: AliasChangeShown['after']) => {
    if (state === null) return t('nowhere')
    const { target, canary, shadow } = state
    return [
      target,
      canary !== null && `${t('canary', { percent: one(canary.percent) })} ${canary.target}`,
      shadow !== null && `${t('shadow', { percent: one(shadow.percent) })} ${shadow.target}`,
    ]
      .filter((part) => part !== false)
      .join(', ')
  }
  const columns: Column<AliasChangeShown>[] = [
    {
      name: t('oneChange'),
      show: (change) => (
        <div>
          <span className="font-medium">{t(`action.${change.action}`)}</span>{' '}
          <span className="text-xs text-muted">{dateTime(change.at * 1_000)}</span>
          {change.reason !== null && <p className="text-xs text-muted">{change.reason}</p>}
        </div>
      ),
    },
    { name: t('leadsTo'), show: (change) => led(change.after) },
    {
      name: t('by'),
      show: ({ actor: { kind, id } }) =>
        kind === 'system' ? t('bySystem') : (keys.find((key) => key.id === id)?.name ?? id),
    },
  ]
  return (
    <List
      label={t('historyOf', { alias })}
      name={['aliases', alias, 'history']}
      path={`/galerne/v1/aliases/${encodeURIComponent(alias)}/history?limit=20`}
      columns={columns}
      id={(change) => change.id}
      empty={<Empty title={t('noAlias')} />}
    />
  )
}
