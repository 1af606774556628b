// What the workspace keeps of its calls: whether what was said, what is blacked out of it before, and for how long.
import { useQuery } from '@tanstack/react-query'
import { SlidersHorizontal } from 'lucide-react'
import { useState } from 'react'
import type { Static } from 'typebox'
import type { UsageSettingsObject } from '../../../../src/wire/usage-report.ts'
import { useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { CheckField, TextField } from '../../parts/field.tsx'
import { Form, FormDialog } from '../../parts/form.tsx'
import { Loading, Problem } from '../../parts/states.tsx'
import { useAct } from '../../server/act.ts'
import { call } from '../../server/client.ts'
import { useSession } from '../../server/session.tsx'
import { text } from './text.ts'

type Settings = Static<typeof UsageSettingsObject>

const presets = ['email', 'card', 'iban', 'key'] as const

/** The button and its dialog. */
export function Keeping() {
  const t = useWords(text)
  return (
    <FormDialog
      title={t('keeping')}
      hint={t('keepingHint')}
      trigger={<Button icon={<SlidersHorizontal aria-hidden className="size-4" />}>{t('keeping')}</Button>}
      form={(close) => <Known close={close} />}
    />
  )
}

/** The form, once it is known what is kept now. */
function Known({ close }: { close(): void }) {
  const { session } = useSession()
  const path = `/galerne/v1/workspaces/${encodeURIComponent(session.workspace)}/usage-settings`
  const settings = useQuery({
    queryKey: ['usage-settings', path],
    gcTime: 0,
    queryFn: ({ signal }) => call<Settings>(path, { signal }),
  })
  if (settings.isLoadingError) return <Problem error={settings.error} retry={() => void settings.refetch()} />
  if (settings.data === undefined) return <Loading />
  return <Fields path={path} settings={settings.data} close={close} />
}

interface FieldsProps {
  readonly path: string
  readonly settings: Settings
  close(): void
}

/** Days as they are typed; empty: for ever. */
const daysOf = (typed: string) => (typed.trim() === '' ? null : Number(typed))

function Fields({ path, settings, close }: FieldsProps) {
  const t = useWords(text)
  const [content, setContent] = useState(settings.keep_content)
  const [byRequest, setByRequest] = useState(settings.content_by_request)
  const [hidden, setHidden] = useState<readonly string[]>(settings.redaction.presets)
  const [contentDays, setContentDays] = useState(String(settings.content_days ?? ''))
  const [traceDays, setTraceDays] = useState(String(settings.trace_days ?? ''))
  const put = useAct('usage-settings', close)
  const send = () =>
    put.mutate({
      path,
      method: 'PUT',
      body: {
        ...{ keep_content: content, content_by_request: byRequest },
        ...{ content_days: daysOf(contentDays), trace_days: daysOf(traceDays) },
        redaction: { ...settings.redaction, presets: hidden },
      },
    })
  const days = (label: string, value: string, change: (value: string) => void) => (
    <TextField
      {...{ label, value, type: 'number', min: 1, step: 1, placeholder: t('forEver') }}
      onChange={(event) => change(event.target.value)}
    />
  )
  return (
    <Form act={t('save')} sending={put} send={send}>
      <CheckField label={t('keepContent')} checked={content} onChange={(event) => setContent(event.target.checked)} />
      <CheckField label={t('byRequest')} checked={byRequest} onChange={(event) => setByRequest(event.target.checked)} />
      <fieldset className="space-y-2">
        <legend className="mb-1 text-sm font-medium">{t('redacted')}</legend>
        {presets.map((preset) => (
          <CheckField
            key={preset}
            label={t(`redact.${preset}`)}
            checked={hidden.includes(preset)}
            onChange={({ target }) =>
              setHidden(target.checked ? [...hidden, preset] : hidden.filter((one) => one !== preset))
            }
          />
        ))}
      </fieldset>
      <div className="grid gap-3 sm:grid-cols-2">
        {days(t('contentDays'), contentDays, setContentDays)}
        {days(t('traceDays'), traceDays, setTraceDays)}
      </div>
    </Form>
  )
}
