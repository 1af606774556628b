// The next version of a prompt, and the labels that point to one.
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { Static } from 'typebox'
import type { CreatedPromptVersion, PromptObject, PromptVersionObject } from '../../../../src/wire/prompts.ts'
import { useWords } from '../../language/language.tsx'
import { TextArea, TextField } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { useAct } from '../../server/act.ts'
import { text } from './text.ts'

/** A version, alone or with its prompt. */
type Version = Static<typeof PromptVersionObject> | Static<typeof PromptObject>

/** Labels as they are typed. */
const labelsOf = (typed: string) => typed.split(/[\s,]+/).filter((word) => word !== '')

interface EditProps {
  readonly path: string
  readonly from: Version
  close(): void
}

/** The form of the next version, which begins with the text of another. */
export function EditVersion({ path, from, close }: EditProps) {
  const t = useWords(text)
  const navigate = useNavigate()
  const [content, setContent] = useState(from.definition.content)
  const [notes, setNotes] = useState('')
  const [labels, setLabels] = useState('')
  const add = useAct<Static<typeof CreatedPromptVersion>>('prompts', ({ version }) => {
    close()
    void navigate({ to: '.' as never, search: { version } as never })
  })
  const body = {
    definition: { content },
    ...(notes.trim() !== '' && { notes }),
    ...(labels.trim() !== '' && { aliases: labelsOf(labels) }),
  }
  return (
    <Form act={t('save')} sending={add} send={() => add.mutate({ path: `${path}/versions`, body })}>
      <TextArea
        label={t('content')}
        hint={t('contentHint')}
        code
        rows={12}
        required
        value={content}
        onChange={(event) => setContent(event.target.value)}
      />
      <TextField
        label={t('notes')}
        hint={t('notesHint')}
        value={notes}
        onChange={(event) => setNotes(event.target.value)}
      />
      <TextField
        label={t('labels')}
        hint={t('labelsHint')}
        value={labels}
        onChange={(event) => setLabels(event.target.value)}
      />
    </Form>
  )
}

/** The form of a version's labels. */
export function LabelVersion({ path, version, close }: Omit<EditProps, 'from'> & { readonly version: Version }) {
  const t = useWords(text)
  const [labels, setLabels] = useState(version.aliases.join(', '))
  const [notes, setNotes] = useState(version.notes ?? '')
  const change = useAct('prompts', close)
  const send = () =>
    change.mutate({
      path: `${path}/versions/${version.version}`,
      method: 'PATCH',
      body: { aliases: { values: labelsOf(labels) }, notes: notes.trim() === '' ? null : notes },
    })
  return (
    <Form act={t('save')} sending={change} send={send}>
      <TextField
        label={t('labels')}
        hint={t('labelsHint')}
        value={labels}
        onChange={(event) => setLabels(event.target.value)}
      />
      <TextField label={t('notes')} value={notes} onChange={(event) => setNotes(event.target.value)} />
    </Form>
  )
}
