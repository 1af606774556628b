// The files of the workspace: uploaded by people, made by batches; to be fetched and removed.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Upload } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import type { Static } from 'typebox'
import type { FileObject, Purpose } from '../../../../src/wire/files.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Download } from '../../parts/download.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Form, FormDialog } from '../../parts/form.tsx'
import { Go } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { call } from '../../server/client.ts'
import { useSession } from '../../server/session.tsx'
import { useTyped } from '../../server/typed.ts'
import { text } from './text.ts'

type StoredFile = Static<typeof FileObject>

interface Filters {
  readonly purpose?: string
  readonly search?: string
}

const purposes = [
  'batch',
  'fine-tune',
  'user_data',
  'assistants',
  'evals',
  'ocr',
  'audio',
  'vision',
] as const satisfies readonly Purpose[]

/** The page. */
export function Files() {
  const t = useWords(text)
  const { may } = useSession()
  const filters = useSearch({ strict: false }) as Filters
  return (
    <>
      <PageHead title={t('title')} hint={t('hint')} actions={may('files.write') && <UploadFile />} />
      <FilterBar filters={filters} />
      <Panel>
        <Stored filters={filters} />
      </Panel>
    </>
  )
}

function FilterBar({ filters }: { readonly filters: Filters }) {
  const t = useWords(text)
  const navigate = useNavigate()
  const [typed, setTyped] = useTyped(filters)
  const change = (changes: Filters) => {
    const given = Object.entries({ ...typed, ...changes }).filter(([, value]) => value !== '')
    void navigate({ to: '/files' as never, search: Object.fromEntries(given) as never })
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    change({ search: typed.search ?? '' })
  }
  return (
    <form onSubmit={submit} className="mb-4 grid gap-3 sm:grid-cols-[12rem_minmax(0,1fr)_auto] sm:items-end">
      <SelectField
        label={t('purpose')}
        value={filters.purpose ?? ''}
        onChange={(event) => change({ purpose: event.target.value })}
      >
        <option value="">{t('any')}</option>
        {[...purposes, 'batch_output'].map((purpose) => (
          <option key={purpose}>{purpose}</option>
        ))}
      </SelectField>
      <TextField
        label={t('search')}
        value={typed.search ?? ''}
        onChange={(event) => setTyped({ ...typed, search: event.target.value })}
      />
      <Button type="submit">{t('apply')}</Button>
    </form>
  )
}

function Stored({ filters }: { readonly filters: Filters }) {
  const t = useWords(text)
  const { bytes, whole, ago, day } = useFormats()
  const { may } = useSession()
  const path = `/v1/files?${new URLSearchParams({ ...filters, limit: '50' })}`
  const columns: Column<StoredFile>[] = [
    {
      name: t('name'),
      show: (file) => (
        <div className="min-w-0">
          <span className="font-medium break-all">{file.filename}</span>
          <div className="font-mono text-xs text-muted">{file.id}</div>
        </div>
      ),
    },
    { name: t('purpose'), wide: true, show: (file) => <span className="whitespace-nowrap">{file.purpose}</span> },
    { name: t('size'), figures: true, show: (file) => <span className="whitespace-nowrap">{bytes(file.bytes)}</span> },
    {
      name: t('lines'),
      figures: true,
      wide: true,
      show: (file) => (file.num_lines === null ? '–' : whole(file.num_lines)),
    },
    {
      name: t('made'),
      wide: true,
      show: (file) => (
        <div className="whitespace-nowrap">
          {ago(file.created_at * 1_000, Date.now())}
          {file.expires_at !== null && (
            <div className="text-xs text-muted">{t('expires', { day: day(file.expires_at * 1_000) })}</div>
          )}
        </div>
      ),
    },
    {
      name: t('actions'),
      actions: true,
      show: (file) => (
        <div className="flex flex-wrap justify-end gap-1 @4xl:flex-nowrap">
          {file.purpose === 'batch' && may('batches.write') && (
            <Go to="/batches" search={{ file: file.id }} look="quiet">
              {t('answer')}
            </Go>
          )}
          <Download path={`/v1/files/${encodeURIComponent(file.id)}/content`} name={file.filename} quiet>
            {t('fetch')}
          </Download>
          {may('files.write') && (
            <Confirm
              act={t('remove')}
              title={t('removeTitle', { name: file.filename })}
              hint={t('removeHint')}
              path={`/v1/files/${encodeURIComponent(file.id)}`}
              stale="files"
            />
          )}
        </div>
      ),
    },
  ]
  const filtered = Object.keys(filters).length > 0
  return (
    <List
      label={t('title')}
      name={['files', 'list']}
      path={path}
      columns={columns}
      id={(file) => file.id}
      empty={<Empty title={t('none')} hint={t(filtered ? 'noneFiltered' : 'noneHint')} />}
    />
  )
}

function UploadFile() {
  const t = useWords(text)
  return (
    <FormDialog
      title={t('upload')}
      hint={t('uploadHint')}
      trigger={
        <Button weight="strong" icon={<Upload aria-hidden className="size-4" />}>
          {t('upload')}
        </Button>
      }
      form={(close) => <Fields close={close} />}
    />
  )
}

function Fields({ close }: { close(): void }) {
  const t = useWords(text)
  const queries = useQueryClient()
  const [purpose, setPurpose] = useState<string>('batch')
  const [file, setFile] = useState<File>()
  const upload = useMutation({
    mutationFn: () => {
      const body = new FormData()
      body.set('purpose', purpose)
      if (file !== undefined) body.set('file', file)
      return call('/v1/files', { body })
    },
    async onSuccess() {
      await queries.invalidateQueries({ queryKey: ['files'] })
      close()
    },
  })
  return (
    <Form act={t('upload')} sending={upload} send={() => upload.mutate()} ready={file !== undefined}>
      <SelectField label={t('purpose')} value={purpose} onChange={(event) => setPurpose(event.target.value)}>
        {purposes.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </SelectField>
      <TextField
        label={t('file')}
        hint={t('fileHint')}
        type="file"
        required
        onChange={(event) => setFile(event.target.files?.[0])}
      />
    </Form>
  )
}
