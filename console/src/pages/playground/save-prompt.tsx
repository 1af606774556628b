// Keeps the system prompt of the playground as a prompt: a new one, or the next version of one that is there.

import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Static } from 'typebox'
import type { CreatedPromptVersion, PromptObject } from '../../../../src/wire/prompts.ts'
import { useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { TextField } from '../../parts/field.tsx'
import { Form, FormDialog } from '../../parts/form.tsx'
import { Go } from '../../parts/link.tsx'
import { call, ServerError } from '../../server/client.ts'
import { text } from './text.ts'

/** The button and its dialog. */
export function SavePrompt({ content }: { readonly content: string }) {
  const t = useWords(text)
  return (
    <FormDialog
      title={t('savePrompt')}
      hint={t('savePromptHint')}
      trigger={<Button disabled={content.trim() === ''}>{t('savePrompt')}</Button>}
      form={() => <Fields content={content} />}
    />
  )
}

/** A version of the prompt of that name, which is made where there is none. */
async function keep(name: string, content: string, notes: string): Promise<{ name: string; version: number }> {
  const body = { definition: { content }, ...(notes.trim() !== '' && { notes: notes.trim() }) }
  const path = `/v2/prompts/${encodeURIComponent(name)}/versions`
  try {
    const { version } = await call<Static<typeof CreatedPromptVersion>>(path, { body })
    return { name, version }
  } catch (error) {
    if (!(error instanceof ServerError && error.status === 404)) throw error
    const made = await call<Static<typeof PromptObject>>('/v2/prompts', { body: { name, ...body } })
    return { name, version: made.version }
  }
}

function Fields({ content }: { readonly content: string }) {
  const t = useWords(text)
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [notes, setNotes] = useState('')
  const save = useMutation({
    mutationFn: () => keep(name.trim(), content, notes),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['prompts'] }),
  })
  if (save.data !== undefined) {
    return (
      <p className="text-sm">
        {t('savedPrompt', save.data)}{' '}
        <Go to="/prompts/$promptId" params={{ promptId: save.data.name }} className="underline">
          {t('toPrompt')}
        </Go>
      </p>
    )
  }
  return (
    <Form act={t('save')} sending={save} send={() => save.mutate()} ready={name.trim() !== ''}>
      <TextField
        label={t('promptName')}
        hint={t('promptNameHint')}
        required
        spellCheck={false}
        pattern="[A-Za-z0-9][A-Za-z0-9._\/\-]*"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <TextField label={t('promptNotes')} value={notes} onChange={(event) => setNotes(event.target.value)} />
    </Form>
  )
}
