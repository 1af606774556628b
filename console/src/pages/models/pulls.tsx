// Pulls: one is begun here, and all show how far they are, at which rate, and how long they still take.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { Pull } from '../../../../src/wire/pulls.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { TextField } from '../../parts/field.tsx'
import { Pages } from '../../parts/list.tsx'
import { Meter } from '../../parts/meter.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Problem } from '../../parts/states.tsx'
import { call } from '../../server/client.ts'
import { useSession } from '../../server/session.tsx'
import { text } from './text.ts'

/** The panel; nothing for those who may not pull. */
export function Pulls() {
  const t = useWords(text)
  const { may } = useSession()
  if (!may('server.write')) return null
  return (
    <Panel title={t('pull')}>
      <Begin />
      <All />
    </Panel>
  )
}

function Begin() {
  const t = useWords(text)
  const queries = useQueryClient()
  const [model, setModel] = useState('')
  const begin = useMutation({
    mutationFn: () => call<Pull>('/galerne/v1/models/pull', { body: { model: model.trim(), stream: false } }),
    async onSuccess() {
      setModel('')
      await queries.invalidateQueries({ queryKey: ['pulls'] })
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    begin.mutate()
  }
  return (
    <form onSubmit={submit} className="p-4">
      <div className="flex items-end gap-2">
        <TextField
          label={t('pullLabel')}
          className="flex-1"
          value={model}
          spellCheck={false}
          onChange={(event) => setModel(event.target.value)}
        />
        <Button type="submit" weight="strong" disabled={model.trim() === '' || begin.isPending}>
          {t('start')}
        </Button>
      </div>
      <p className="mt-1 text-xs text-muted">{t('pullHint')}</p>
      {begin.isError && <Problem error={begin.error} />}
    </form>
  )
}

function All() {
  const t = useWords(text)
  return (
    <Pages<Pull> name={['pulls']} path="/galerne/v1/models/pulls?limit=10" every={1_000} empty={null}>
      {(pulls) => (
        <ul aria-label={t('pulls')} className="divide-y divide-line border-t border-line">
          {pulls.map((pull) => (
            <li key={pull.id} className="px-4 py-3">
              <OnePull pull={pull} />
            </li>
          ))}
        </ul>
      )}
    </Pages>
  )
}

const tones = { running: 'warn', done: 'good', failed: 'bad', cancelled: 'plain' } as const

function OnePull({ pull }: { readonly pull: Pull }) {
  const t = useWords(text)
  const { bytes, duration } = useFormats()
  const queries = useQueryClient()
  const stop = useMutation({
    mutationFn: () => call(`/galerne/v1/models/pulls/${encodeURIComponent(pull.id)}`, { method: 'DELETE' }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['pulls'] }),
  })
  const left =
    pull.seconds_left === null
      ? bytes(pull.received_bytes)
      : t('left', { rate: bytes(pull.bytes_per_second), time: duration(pull.seconds_left * 1_000) })
  return (
    <div className="space-y-2 text-sm">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <span className="min-w-0 font-medium break-all">{pull.model}</span>
        <span className="flex items-center gap-2">
          <Badge tone={tones[pull.status]}>{t(pull.status)}</Badge>
          {pull.status === 'running' && (
            <Button weight="quiet" onClick={() => stop.mutate()}>
              {t('stop')}
            </Button>
          )}
        </span>
      </div>
      {pull.status === 'running' && (
        <Meter
          label={`${pull.phase}, ${pull.source}`}
          value={pull.received_bytes / (pull.total_bytes ?? Number.POSITIVE_INFINITY)}
          shown={left}
        />
      )}
      {pull.error !== null && <p className="text-bad">{pull.error.message}</p>}
      {(pull.licence?.forbids.length ?? 0) > 0 && (
        <p className="text-xs text-muted">
          {t('forbids')} {pull.licence?.forbids.join(' ')}
        </p>
      )}
    </div>
  )
}
