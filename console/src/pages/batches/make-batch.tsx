// Makes a batch of a file that lies here.
import { useSearch } from '@tanstack/react-router'
import { Layers } from 'lucide-react'
import { useState } from 'react'
import type { Static } from 'typebox'
import type { FileObject } from '../../../../src/wire/files.ts'
import { useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { SelectField } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { Go } from '../../parts/link.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { useAct } from '../../server/act.ts'
import { useAll } from '../../server/pages.ts'
import { text } from './text.ts'

const endpoints = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/v1/responses', '/v1/fim/completions']
const windows = ['1h', '24h', '72h', '168h'] as const

/** The button and its dialog; an address that names a file opens it. */
export function MakeBatch() {
  const t = useWords(text)
  const { file } = useSearch({ strict: false }) as { readonly file?: string }
  const [open, setOpen] = useState(file !== undefined)
  return (
    <Dialog
      title={t('make')}
      hint={t('makeHint')}
      open={open}
      change={setOpen}
      trigger={
        <Button weight="strong" icon={<Layers aria-hidden className="size-4" />}>
          {t('make')}
        </Button>
      }
    >
      <Fields chosen={file} close={() => setOpen(false)} />
    </Dialog>
  )
}

function Fields({ chosen, close }: { readonly chosen: string | undefined; close(): void }) {
  const t = useWords(text)
  const [file, setFile] = useState(chosen)
  const [endpoint, setEndpoint] = useState(endpoints[0])
  const [window, setWindow] = useState<(typeof windows)[number]>('24h')
  const make = useAct('batches', close)
  const files = useAll<Static<typeof FileObject>>(['files'], '/v1/files?purpose=batch&limit=100')
  if (files.isPending) return <Loading />
  if (files.isLoadingError) return <Problem error={files.error} retry={() => void files.refetch()} />
  const [first] = files.data
  if (first === undefined) {
    return (
      <Empty title={t('noFile')} hint={t('noFileHint')}>
        <Go to="/files" className="underline">
          {t('toFiles')}
        </Go>
      </Empty>
    )
  }
  const body = { input_file_id: file ?? first.id, endpoint, completion_window: window }
  return (
    <Form act={t('start')} sending={make} send={() => make.mutate({ path: '/v1/batches', body })}>
      <SelectField label={t('file')} value={file ?? first.id} onChange={(event) => setFile(event.target.value)}>
        {files.data.map((one) => (
          <option key={one.id} value={one.id}>
            {one.num_lines === null ? one.filename : t('fileLines', { name: one.filename, count: one.num_lines })}
          </option>
        ))}
      </SelectField>
      <SelectField label={t('endpoint')} value={endpoint} onChange={(event) => setEndpoint(event.target.value)}>
        {endpoints.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </SelectField>
      <SelectField
        label={t('window')}
        hint={t('windowHint')}
        value={window}
        onChange={(event) => setWindow(event.target.value as typeof window)}
      >
        {windows.map((one) => (
          <option key={one} value={one}>
            {t(`window.${one}`)}
          </option>
        ))}
      </SelectField>
    </Form>
  )
}
