// The models of this machine: served ones with their memory, weights on the disk, and pulls with their progress.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { Static } from 'typebox'
import type { ModelStateList, ModelStateShown, StoredModelObject } from '../../../../src/wire/model-states.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { List, Pages } from '../../parts/list.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { useReason } from '../../parts/reason.ts'
import { Empty } from '../../parts/states.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { call } from '../../server/client.ts'
import { useSession } from '../../server/session.tsx'
import { Aliases } from './aliases.tsx'
import { Catalogue } from './catalogue.tsx'
import { Log } from './log.tsx'
import { Pulls } from './pulls.tsx'
import { text } from './text.ts'

/** The page. */
export function Models() {
  const t = useWords(text)
  return (
    <>
      <PageHead title={t('title')} hint={t('hint')} />
      <div className="space-y-6">
        <Panel title={t('served')}>
          <Served />
        </Panel>
        <Aliases />
        <Pulls />
        <Catalogue />
        <Panel title={t('stored')}>
          <Stored />
        </Panel>
      </div>
    </>
  )
}

const tones = { ready: 'good', loading: 'warn', draining: 'warn', unloaded: 'plain' } as const

function Served() {
  const t = useWords(text)
  const { bytes, whole, percent } = useFormats()
  const { may } = useSession()
  const columns: Column<ModelStateShown>[] = [
    {
      name: t('model'),
      show: (model) => (
        <div>
          <span className="font-medium">{model.model}</span> {model.pinned && <Badge tone="plain">{t('pinned')}</Badge>}
          {model.error !== null && <p className="text-xs text-bad">{model.error.message}</p>}
        </div>
      ),
    },
    {
      name: t('state'),
      show: (model) => (
        <Badge tone={tones[model.state]}>
          {t(model.state)}
          {model.progress !== null && ` ${percent(model.progress)}`}
        </Badge>
      ),
    },
    { name: t('takes'), figures: true, show: (model) => bytes(model.memory_bytes) },
    { name: t('context'), figures: true, wide: true, show: (model) => whole(model.context_length) },
    { name: t('streams'), figures: true, wide: true, show: (model) => whole(model.streams) },
  ]
  const actions: Column<ModelStateShown> = {
    name: t('actions'),
    actions: true,
    show: (model) => <Actions model={model} />,
  }
  return (
    <Pages<ModelStateShown, Static<typeof ModelStateList>>
      name={['model-states']}
      path="/galerne/v1/models"
      every={2_000}
      empty={<Empty title={t('none')} hint={t('noneHint')} />}
    >
      {(models, { memory_bytes: most }) => (
        <>
          <Table
            label={t('served')}
            columns={may('server.write') ? [...columns, actions] : columns}
            items={models}
            id={(model) => model.model}
          />
          <p className="border-t border-line px-4 py-2 text-xs text-muted">{t('memory', { size: bytes(most) })}</p>
        </>
      )}
    </Pages>
  )
}

function Actions({ model }: { readonly model: ModelStateShown }) {
  const t = useWords(text)
  const queries = useQueryClient()
  const reason = useReason()
  const act = useMutation({
    mutationFn: ({ verb, body }: { readonly verb: string; readonly body: object }) =>
      call(`/galerne/v1/models/${verb}`, { body: { model: model.model, ...body } }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['model-states'] }),
  })
  const loaded = model.state === 'ready'
  return (
    <div className="flex flex-wrap items-center justify-end gap-1">
      <Button
        weight="quiet"
        disabled={act.isPending || model.state === 'loading' || model.state === 'draining'}
        onClick={() => act.mutate({ verb: loaded ? 'unload' : 'load', body: {} })}
      >
        {t(loaded ? 'unload' : 'load')}
      </Button>
      <Button
        weight="quiet"
        disabled={act.isPending}
        onClick={() => act.mutate({ verb: 'pin', body: { pinned: !model.pinned } })}
      >
        {t(model.pinned ? 'unpin' : 'pin')}
      </Button>
      <Log model={model.model} />
      {act.isError && (
        <span role="alert" className="text-xs text-bad">
          {reason(act.error)}
        </span>
      )}
    </div>
  )
}

function Stored() {
  const t = useWords(text)
  const { bytes } = useFormats()
  return (
    <List<Static<typeof StoredModelObject>>
      label={t('stored')}
      name={['stored-models']}
      path="/galerne/v1/models/stored"
      id={(model) => `${model.reference} ${model.digest}`}
      empty={<Empty title={t('noneStored')} hint={t('noneStoredHint')} />}
      columns={[
        {
          name: t('model'),
          show: (model) => (
            <div>
              <span className="font-medium">{model.name}</span>
              <div className="text-xs break-all text-muted">{model.reference}</div>
            </div>
          ),
        },
        { name: t('source'), wide: true, show: (model) => model.source },
        { name: t('size'), figures: true, show: (model) => bytes(model.bytes) },
      ]}
    />
  )
}
