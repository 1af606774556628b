// The prompts of the workspace: texts with versions that chat requests use by name.
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { Static } from 'typebox'
import type { PromptObject } from '../../../../src/wire/prompts.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { TextArea, TextField } from '../../parts/field.tsx'
import { Form, FormDialog } from '../../parts/form.tsx'
import { Go } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table.tsx'
import { useAct } from '../../server/act.ts'
import { useSession } from '../../server/session.tsx'
import { text } from './text.ts'

type Prompt = Static<typeof PromptObject>

/** The page. */
export function Prompts() {
  const t = useWords(text)
  const { may } = useSession()
  return (
    <>
      <PageHead
        title={t('title')}
        hint={t('hint')}
        actions={
          may('prompts.write') && (
            <FormDialog
              title={t('make')}
              trigger={<Button weight="strong">{t('make')}</Button>}
              form={(close) => <NewPrompt close={close} />}
            />
          )
        }
      />
      <Panel>
        <All />
      </Panel>
    </>
  )
}

function All() {
  const t = useWords(text)
  const { ago } = useFormats()
  const columns: Column<Prompt>[] = [
    {
      name: t('name'),
      show: (prompt) => (
        <div className="min-w-0">
          <Go to="/prompts/$promptId" params={{ promptId: prompt.id }} className="font-medium break-all">
            {prompt.name}
          </Go>
          <div className="text-xs text-muted">{prompt.title ?? prompt.definition.content.slice(0, 80)}</div>
        </div>
      ),
    },
    {
      name: t('version'),
      figures: true,
      show: (prompt) => (
        <Go to="/prompts/$promptId" params={{ promptId: prompt.id }} look="plain">
          {prompt.latestVersion}
        </Go>
      ),
    },
    {
      name: t('labels'),
      wide: true,
      show: (prompt) => (
        <div className="flex flex-wrap gap-1">
          {prompt.aliases.map((alias) => (
            <Badge key={alias} tone="plain" long>
              {alias}
            </Badge>
          ))}
        </div>
      ),
    },
    {
      name: t('variables'),
      wide: true,
      show: (prompt) => prompt.definition.variables.map(({ name }) => name).join(', ') || '–',
    },
    {
      name: t('changed'),
      show: (prompt) => <span className="whitespace-nowrap">{ago(Date.parse(prompt.updatedAt), Date.now())}</span>,
    },
  ]
  return (
    <List
      label={t('title')}
      name={['prompts', 'list']}
      path="/v2/prompts"
      columns={columns}
      id={(prompt) => prompt.id}
      empty={<Empty title={t('none')} hint={t('noneHint')} />}
    />
  )
}

function NewPrompt({ close }: { close(): void }) {
  const t = useWords(text)
  const navigate = useNavigate()
  const [name, setName] = useState('')
  const [title, setTitle] = useState('')
  const [content, setContent] = useState('')
  const make = useAct<Prompt>('prompts', ({ id }) => {
    close()
    void navigate({ to: '/prompts/$promptId' as never, params: { promptId: id } as never })
  })
  const body = { name, definition: { content }, ...(title.trim() !== '' && { title }) }
  return (
    <Form act={t('create')} sending={make} send={() => make.mutate({ path: '/v2/prompts', body })}>
      <TextField
        label={t('name')}
        hint={t('nameHint')}
        required
        spellCheck={false}
        pattern="[A-Za-z0-9][A-Za-z0-9._/\-]*"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <TextField label={t('about')} value={title} onChange={(event) => setTitle(event.target.value)} />
      <TextArea
        label={t('content')}
        hint={t('contentHint')}
        code
        rows={8}
        required
        value={content}
        onChange={(event) => setContent(event.target.value)}
      />
    </Form>
  )
}
