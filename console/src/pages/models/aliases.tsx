// Aliases: names that lead to a model, with a part of the calls to another first, and the way back.
import { useState } from 'react'
import type { AliasShown } from '../../../../src/wire/aliases.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Form, FormDialog } from '../../parts/form.tsx'
import { Go } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { useAct } from '../../server/act.ts'
import { useModels } from '../../server/models.ts'
import { useSession } from '../../server/session.tsx'
import { AliasHistory } from './alias-history.tsx'
import { text } from './text.ts'

/** The panel. */
export function Aliases() {
  const t = useWords(text)
  const { may } = useSession()
  return (
    <Panel
      title={t('aliases')}
      actions={
        may('server.write') && (
          <FormDialog
            title={t('setAlias')}
            hint={t('aliasHint')}
            trigger={<Button>{t('setAlias')}</Button>}
            form={(close) => <SetAlias close={close} />}
          />
        )
      }
    >
      <Rows />
    </Panel>
  )
}

const pathOf = (name: string) => `/galerne/v1/aliases/${encodeURIComponent(name)}`

function Rows() {
  const t = useWords(text)
  const { ago } = useFormats()
  const { may } = useSession()
  const columns: Column<AliasShown>[] = [
    { name: t('alias'), show: (alias) => <span className="font-medium">{alias.name}</span> },
    { name: t('leadsTo'), show: (alias) => <Target alias={alias} /> },
    {
      name: t('changed'),
      wide: true,
      show: (alias) => <span className="whitespace-nowrap">{ago(alias.updated_at * 1_000, Date.now())}</span>,
    },
  ]
  const actions: Column<AliasShown> = {
    name: t('actions'),
    actions: true,
    show: (alias) => (
      <div className="flex flex-wrap justify-end @4xl:flex-nowrap">
        <FormDialog
          title={t('changeAlias', { alias: alias.name })}
          hint={t('aliasHint')}
          trigger={<Button weight="quiet">{t('change')}</Button>}
          form={(close) => <SetAlias alias={alias} close={close} />}
        />
        <AliasHistory alias={alias.name} />
        <Confirm
          act={t('undo')}
          title={t('undoTitle', { alias: alias.name })}
          hint={t('undoHint')}
          path={`${pathOf(alias.name)}/rollback`}
          options={{ method: 'POST', body: {} }}
          stale="aliases"
        />
        <Confirm
          act={t('removeAlias')}
          title={t('removeAliasTitle', { alias: alias.name })}
          hint={t('removeAliasHint')}
          path={pathOf(alias.name)}
          stale="aliases"
        />
      </div>
    ),
  }
  return (
    <List
      label={t('aliases')}
      name={['aliases']}
      path="/galerne/v1/aliases"
      every={10_000}
      columns={may('server.write') ? [...columns, actions] : columns}
      id={(alias) => alias.name}
      empty={<Empty title={t('noAlias')} hint={t('noAliasHint')} />}
    />
  )
}

function Target({ alias: { target, canary, shadow } }: { readonly alias: AliasShown }) {
  const t = useWords(text)
  const { one } = useFormats()
  return (
    <div className="min-w-28">
      <Calls of={target} />
      {canary !== null && (
        <div className="mt-1">
          <Badge tone="warn">{t('canary', { percent: one(canary.percent) })}</Badge> <Calls of={canary.target} />
        </div>
      )}
      {shadow !== null && (
        <div className="mt-1">
          <Badge tone="plain">{t('shadow', { percent: one(shadow.percent) })}</Badge> <Calls of={shadow.target} />
        </div>
      )}
    </div>
  )
}

/** A model, and the way to the calls that it answered. */
function Calls({ of }: { readonly of: string }) {
  return (
    <Go to="/usage/calls" search={{ model: of }} look="plain">
      {of}
    </Go>
  )
}

function SetAlias({ alias, close }: { readonly alias?: AliasShown; close(): void }) {
  const t = useWords(text)
  const models = useModels()
  const names = (models.data?.data ?? []).map(({ id }) => id).filter((id) => id !== alias?.name)
  const [name, setName] = useState(alias?.name ?? '')
  const [target, setTarget] = useState(alias?.target)
  const [canary, setCanary] = useState(alias?.canary?.target ?? '')
  const [percent, setPercent] = useState(String(alias?.canary?.percent ?? 10))
  const put = useAct('aliases', close)
  const leadsTo = target ?? names[0] ?? ''
  // What this form does not show of a canary stays as it is; the server answers null where it takes an absent field.
  const kept = alias?.canary == null ? {} : withoutNulls(alias.canary)
  const send = () =>
    put.mutate({
      path: pathOf(name.trim()),
      method: 'PUT',
      body: {
        target: leadsTo,
        ...(canary !== '' && { canary: { ...kept, target: canary, percent: Number(percent) } }),
        ...(alias?.shadow != null && { shadow: alias.shadow }),
        revision: alias?.revision ?? 0,
      },
    })
  const choices = (chosen: string) => [...new Set([...(chosen === '' ? [] : [chosen]), ...names])]
  return (
    <Form act={t('save')} sending={put} send={send} ready={name.trim() !== '' && leadsTo !== ''}>
      {alias === undefined && (
        <TextField
          label={t('alias')}
          hint={t('aliasNameHint')}
          required
          spellCheck={false}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      )}
      <SelectField label={t('leadsTo')} value={leadsTo} onChange={(event) => setTarget(event.target.value)}>
        {choices(leadsTo).map((id) => (
          <option key={id}>{id}</option>
        ))}
      </SelectField>
      <div className="grid gap-3 sm:grid-cols-2">
        <SelectField
          label={t('canaryTarget')}
          hint={t('canaryHint')}
          value={canary}
          onChange={(event) => setCanary(event.target.value)}
        >
          <option value="">{t('noCanary')}</option>
          {choices(canary).map((id) => (
            <option key={id}>{id}</option>
          ))}
        </SelectField>
        {canary !== '' && (
          <TextField
            label={t('canaryPercent')}
            type="number"
            min={0}
            max={100}
            step="any"
            required
            value={percent}
            onChange={(event) => setPercent(event.target.value)}
          />
        )}
      </div>
    </Form>
  )
}

function withoutNulls(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== null))
}
