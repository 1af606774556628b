// What can be pulled by name, with whether it fits on this machine beside what is loaded now.
import { useState } from 'react'
import type { Static } from 'typebox'
import type { CatalogueModelObject } from '../../../../src/wire/catalogue.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { SelectField } from '../../parts/field.tsx'
import { List } from '../../parts/list.tsx'
import { Panel } from '../../parts/panel.tsx'
import { useReason } from '../../parts/reason.ts'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { useAct } from '../../server/act.ts'
import { useSession } from '../../server/session.tsx'
import { text } from './text.ts'

type Model = Static<typeof CatalogueModelObject>

/** Lengths are powers of two: 8192 is “8k”. */
const thousands = (tokens: number) => `${Math.round(tokens / 1024)}k`
const contexts = [2048, 8192, 32_768, 131_072]
const tones = {
  ...({ fits: 'good', 'fits-with-less-context': 'warn' } as const),
  ...({ 'fits-with-layers-on-cpu': 'warn', 'does-not-fit': 'bad' } as const),
}

/** The panel. */
export function Catalogue() {
  const t = useWords(text)
  const [context, setContext] = useState(8192)
  const { may } = useSession()
  const columns = useColumns()
  const pull: Column<Model> = { name: t('pull'), actions: true, show: (model) => <Pull name={model.id} /> }
  return (
    <Panel
      title={t('catalogue')}
      actions={
        <SelectField
          label={t('contextOf')}
          bare
          className="w-52"
          value={context}
          onChange={(event) => setContext(Number(event.target.value))}
        >
          {contexts.map((tokens) => (
            <option key={tokens} value={tokens}>
              {t('forContext', { tokens: thousands(tokens) })}
            </option>
          ))}
        </SelectField>
      }
    >
      <List
        label={t('catalogue')}
        name={['catalogue']}
        path={`/galerne/v1/catalogue?limit=10&context=${context}`}
        columns={may('server.write') ? [...columns, pull] : columns}
        id={(model) => model.id}
        empty={<Empty title={t('none')} />}
      />
    </Panel>
  )
}

function useColumns(): readonly Column<Model>[] {
  const t = useWords(text)
  const { bytes, compact } = useFormats()
  const parameters = (model: Model) =>
    model.active_parameters === model.parameters
      ? compact(model.parameters)
      : t('active', { all: compact(model.parameters), active: compact(model.active_parameters) })
  return [
    {
      name: t('model'),
      show: (model) => (
        <div className="min-w-0">
          <span className="font-medium">{model.title}</span>
          <div className="text-xs break-all text-muted">{model.id}</div>
          {model.licence.forbids.length > 0 && (
            <p className="mt-0.5 max-w-prose text-xs text-muted">
              {model.licence.name}: {model.licence.forbids.join(' ')}
            </p>
          )}
        </div>
      ),
    },
    {
      name: t('size'),
      figures: true,
      wide: true,
      show: (model) => (
        <div className="whitespace-nowrap">
          {bytes(model.bytes)}
          <div className="text-xs text-muted">{`${parameters(model)} · ${model.quantisation}`}</div>
        </div>
      ),
    },
    { name: t('fit'), show: (model) => <Fit fit={model.fit} /> },
  ]
}

/** “fits”, for how many at which length, and of which memory. */
function Fit({ fit }: { readonly fit: Model['fit'] }) {
  const t = useWords(text)
  const { bytes, whole } = useFormats()
  const fits = fit.verdict !== 'does-not-fit'
  const memory = t('ofMemory', { total: bytes(fit.total_bytes), available: bytes(fit.available_bytes) })
  const users =
    fit.users > 0
      ? t('users', { users: whole(fit.users), context: thousands(fit.context) })
      : t('upTo', { context: thousands(fit.max_context) })
  return (
    <div>
      <Badge tone={tones[fit.verdict]}>{t(fit.verdict)}</Badge>
      <div className="mt-1 text-xs text-muted">{fits ? `${users}; ${memory}` : memory}</div>
    </div>
  )
}

function Pull({ name }: { readonly name: string }) {
  const t = useWords(text)
  const reason = useReason()
  const begin = useAct('pulls')
  return (
    <>
      <Button
        aria-label={t('pullOf', { model: name })}
        disabled={begin.isPending || begin.isSuccess}
        onClick={() => begin.mutate({ path: '/galerne/v1/models/pull', body: { model: name, stream: false } })}
      >
        {t(begin.isSuccess ? 'begun' : 'start')}
      </Button>
      {begin.isError && (
        <p role="alert" className="mt-1 text-xs text-bad">
          {reason(begin.error)}
        </p>
      )}
    </>
  )
}
