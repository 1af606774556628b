// Shares the playground as it stands by a link, for those who work in this workspace.
import { Share2 } from 'lucide-react'
import { useState } from 'react'
import type { Static } from 'typebox'
import type { ShareObject } from '../../../../src/wire/shares.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { CodeBlock } from '../../parts/code-block.tsx'
import { CopyButton } from '../../parts/copy-button.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Form, FormDialog } from '../../parts/form.tsx'
import { useAct } from '../../server/act.ts'
import type { Conversation } from './conversation.ts'
import { sharedOf } from './opening.ts'
import type { Settings } from './settings.ts'
import { ShareList } from './share-list.tsx'
import { text } from './text.ts'

interface ShareProps {
  readonly conversation: Conversation
  readonly settings: Settings
}

const day = 86_400
const lives = { day, week: 7 * day, month: 30 * day, year: 365 * day } as const

/** The button and its dialog. */
export function ShareDialog(shared: ShareProps) {
  const t = useWords(text)
  return (
    <FormDialog
      title={t('share')}
      hint={t('shareHint')}
      trigger={<Button icon={<Share2 aria-hidden className="size-4" />}>{t('share')}</Button>}
      form={() => (
        <>
          <Fields {...shared} />
          <details className="mt-4 border-t border-line pt-3">
            <summary className="cursor-pointer text-sm text-muted">{t('shares')}</summary>
            <ShareList />
          </details>
        </>
      )}
    />
  )
}

function Fields({ conversation, settings }: ShareProps) {
  const t = useWords(text)
  const { dateTime } = useFormats()
  const [title, setTitle] = useState(conversation.turns[0]?.question.slice(0, 80) ?? '')
  const [life, setLife] = useState<keyof typeof lives>('month')
  const share = useAct<Static<typeof ShareObject>>('shares')
  if (share.data !== undefined) {
    const link = `${location.origin}/playground?share=${share.data.id}`
    return (
      <>
        <p className="text-sm text-muted">{t('sharedHint', { until: dateTime(share.data.expires_at * 1_000) })}</p>
        <CodeBlock>{link}</CodeBlock>
        <div className="mt-3 flex justify-end">
          <CopyButton value={link} />
        </div>
      </>
    )
  }
  const body = { title: title.trim(), content: sharedOf(conversation, settings), expires_in_seconds: lives[life] }
  return (
    <Form
      act={t('makeLink')}
      sending={share}
      send={() => share.mutate({ path: '/galerne/v1/shares', body })}
      ready={title.trim() !== ''}
    >
      <TextField
        label={t('shareTitle')}
        required
        maxLength={200}
        value={title}
        onChange={(event) => setTitle(event.target.value)}
      />
      <SelectField
        label={t('shareLife')}
        value={life}
        onChange={(event) => setLife(event.target.value as keyof typeof lives)}
      >
        {(Object.keys(lives) as (keyof typeof lives)[]).map((one) => (
          <option key={one} value={one}>
            {t(`life.${one}`)}
          </option>
        ))}
      </SelectField>
    </Form>
  )
}
