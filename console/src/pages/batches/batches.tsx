// Batches: files of requests answered at half price when there is room. How far each is, what it cost, and its results to take away.
import type { Static } from 'typebox'
import type { BatchObject } from '../../../../src/wire/batches.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Download } from '../../parts/download.tsx'
import { Go } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { Meter } from '../../parts/meter.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { useSession } from '../../server/session.tsx'
import { MakeBatch } from './make-batch.tsx'
import { text } from './text.ts'

type Batch = Static<typeof BatchObject>

/** The page. */
export function Batches() {
  const t = useWords(text)
  const { may } = useSession()
  return (
    <>
      <PageHead title={t('title')} hint={t('hint')} actions={may('batches.write') && <MakeBatch />} />
      <Panel>
        <All />
      </Panel>
    </>
  )
}

const tones = {
  ...({ validating: 'warn', in_progress: 'warn', finalizing: 'warn', cancelling: 'warn' } as const),
  ...({ completed: 'good', failed: 'bad', expired: 'bad', cancelled: 'plain' } as const),
}
const running: readonly string[] = ['validating', 'in_progress', 'finalizing']

function All() {
  const t = useWords(text)
  const { money, ago } = useFormats()
  const { may } = useSession()
  const columns: Column<Batch>[] = [
    {
      name: t('batch'),
      show: (batch) => (
        <div className="min-w-0">
          <span className="font-medium break-all">{batch.model ?? batch.endpoint}</span>
          <div className="font-mono text-xs text-muted">{batch.id}</div>
          {batch.errors?.data.slice(0, 3).map((error) => (
            <p key={`${error.line}/${error.message}`} className="text-xs text-bad">
              {error.line === null ? error.message : t('line', { line: error.line, message: error.message })}
            </p>
          ))}
        </div>
      ),
    },
    { name: t('state'), show: (batch) => <Badge tone={tones[batch.status]}>{t(batch.status)}</Badge> },
    { name: t('progress'), show: (batch) => <Progress batch={batch} /> },
    {
      name: t('cost'),
      figures: true,
      wide: true,
      show: ({ id, cost }) =>
        cost === null ? (
          '–'
        ) : (
          <Go to="/usage/calls" search={{ batch: id }}>
            {money(cost.nano_units, cost.currency)}
          </Go>
        ),
    },
    {
      name: t('made'),
      wide: true,
      show: (batch) => <span className="whitespace-nowrap">{ago(batch.created_at * 1_000, Date.now())}</span>,
    },
    {
      name: t('actions'),
      actions: true,
      show: (batch) => (
        <div className="flex flex-wrap justify-end gap-1">
          {batch.output_file_id !== null && <Result file={batch.output_file_id} name={t('results')} />}
          {batch.error_file_id !== null && <Result file={batch.error_file_id} name={t('errors')} />}
          {running.includes(batch.status) && may('batches.write') && (
            <Confirm
              act={t('cancel')}
              title={t('cancelTitle')}
              hint={t('cancelHint')}
              path={`/v1/batches/${encodeURIComponent(batch.id)}/cancel`}
              options={{ method: 'POST', body: {} }}
              stale="batches"
            />
          )}
        </div>
      ),
    },
  ]
  return (
    <List
      label={t('title')}
      name={['batches', 'list']}
      path="/v1/batches?limit=20"
      columns={columns}
      id={(batch) => batch.id}
      every={3_000}
      empty={
        <Empty title={t('none')} hint={t('noneHint')}>
          <Go to="/files" look="button">
            {t('toFiles')}
          </Go>
        </Empty>
      }
    />
  )
}

function Progress({ batch }: { readonly batch: Batch }) {
  const t = useWords(text)
  const { whole } = useFormats()
  const { total, completed, failed } = batch.request_counts
  const ended = completed + failed
  return (
    <div className="w-40">
      <Meter
        label={t('ended')}
        value={total === 0 ? 0 : ended / total}
        shown={`${whole(ended)} / ${whole(total)}`}
        calm
      />
      <p className="mt-1 flex flex-wrap gap-x-2 text-xs text-muted *:whitespace-nowrap">
        <Lines file={batch.input_file_id} of={t('linesOf', { count: whole(total) })} />
        {completed > 0 && <Lines file={batch.output_file_id} of={t('answeredLines', { count: whole(completed) })} />}
        {failed > 0 && <Lines file={batch.error_file_id} of={t('failedLines', { count: whole(failed) })} />}
      </p>
    </div>
  )
}

/** A count of lines, and the file that holds them, as soon as there is one. */
function Lines({ file, of }: { readonly file: string | null; readonly of: string }) {
  if (file === null) return <span>{of}</span>
  return (
    <Go to="/files" search={{ search: file }} look="plain">
      {of}
    </Go>
  )
}

function Result({ file, name }: { readonly file: string; readonly name: string }) {
  return (
    <Download path={`/v1/files/${encodeURIComponent(file)}/content`} name={`${file}.jsonl`} quiet>
      {name}
    </Download>
  )
}
