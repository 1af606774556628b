// The playground: ask one model, or up to four side by side, and see what each answer took.
import { Plus, RotateCcw, Send, Square, X } from 'lucide-react'
import { type FormEvent, type KeyboardEvent, useState } from 'react'
import { useWords } from '../../language/language.tsx'
import { Button, IconButton } from '../../parts/button.tsx'
import { join } from '../../parts/class-names.ts'
import { SelectField, TextArea } from '../../parts/field.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { useModels } from '../../server/models.ts'
import { AnswerView } from './answer.tsx'
import { CodeDialog } from './code-dialog.tsx'
import { type Column, type Conversation, messagesFor, mostColumns } from './conversation.ts'
import { bodyOf, faultOf, type Settings, usualSettings } from './settings.ts'
import { SettingsPanel } from './settings-panel.tsx'
import { noAnswer } from './stream.ts'
import { text } from './text.ts'
import { useConversation } from './use-conversation.ts'

/** The page. */
export function Playground() {
  const t = useWords(text)
  const models = useModels()
  if (models.isPending) return <Loading />
  if (models.isError) return <Problem error={models.error} retry={() => void models.refetch()} />
  const names = models.data.data.filter(({ capabilities }) => capabilities.completion_chat).map(({ id }) => id)
  if (names.length === 0) return <Empty title={t('noModels')} hint={t('noModelsHint')} />
  return <Desk models={names} />
}

function Desk({ models }: { readonly models: readonly string[] }) {
  const t = useWords(text)
  const [settings, setSettings] = useState(usualSettings)
  const { conversation, busy, ask, stop, clear, addColumn, removeColumn, chooseModel } = useConversation(models)
  const { columns, turns } = conversation
  return (
    <>
      <PageHead
        title={t('title')}
        hint={t('hint')}
        actions={
          <>
            <Button icon={<RotateCcw aria-hidden className="size-4" />} onClick={clear} disabled={turns.length === 0}>
              {t('clear')}
            </Button>
            <CodeDialog body={lastBody(conversation, settings)} />
            <Button
              icon={<Plus aria-hidden className="size-4" />}
              disabled={columns.length >= mostColumns}
              onClick={() => addColumn(nextModel(models, columns))}
            >
              {t('compare')}
            </Button>
          </>
        }
      />
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_18rem]">
        <Panel className="flex min-h-[28rem] flex-col">
          <div className={join('grid border-b border-line', columnsClass(columns.length))}>
            {columns.map((column) => (
              <div key={column.id} className="flex items-center gap-1 p-2">
                <SelectField
                  label={t('model')}
                  bare
                  className="flex-1"
                  value={column.model}
                  onChange={(event) => chooseModel(column.id, event.target.value)}
                >
                  {models.map((model) => (
                    <option key={model}>{model}</option>
                  ))}
                </SelectField>
                {columns.length > 1 && (
                  <IconButton label={t('remove', { model: column.model })} onClick={() => removeColumn(column.id)}>
                    <X aria-hidden className="size-4" />
                  </IconButton>
                )}
              </div>
            ))}
          </div>
          <Turns conversation={conversation} />
          <Asking
            busy={busy}
            stop={stop}
            send={(question) => ask(question, settings)}
            blocked={faultOf(settings) !== undefined}
          />
        </Panel>
        <SettingsPanel settings={settings} change={setSettings} />
      </div>
    </>
  )
}

/** A model that is not on the desk yet, if there is one. */
function nextModel(models: readonly string[], columns: readonly Column[]): string {
  return models.find((model) => !columns.some((column) => column.model === model)) ?? models[0] ?? ''
}

/** What the first column's model was sent last. */
function lastBody({ columns, turns }: Conversation, settings: Settings): Readonly<Record<string, unknown>> {
  const [column] = columns
  const question = turns.at(-1)?.question ?? ''
  return bodyOf(
    column?.model ?? '',
    messagesFor(column?.id ?? '', turns.slice(0, -1), question, settings.system),
    settings,
  )
}

function columnsClass(count: number): string {
  return ['', 'grid-cols-1', 'md:grid-cols-2', 'md:grid-cols-3', 'md:grid-cols-2 xl:grid-cols-4'][count] ?? ''
}

function Turns({ conversation: { columns, turns } }: { readonly conversation: Conversation }) {
  const t = useWords(text)
  if (turns.length === 0) {
    return (
      <div className="flex flex-1 items-center justify-center">
        <Empty title={t('empty')} hint={t('emptyHint')} />
      </div>
    )
  }
  return (
    <ol className="flex-1 space-y-4 p-4" aria-label={t('conversation')}>
      {turns.map((turn, place) => (
        <li key={turn.id}>
          <div className="mb-3 ml-auto w-fit max-w-[85%] rounded-xl bg-accent-soft px-3 py-2 text-sm whitespace-pre-wrap">
            <span className="sr-only">{t('you')}: </span>
            {turn.question}
          </div>
          <div className={join('grid gap-4', columnsClass(columns.length))}>
            {columns.map(({ id, model }, index) => (
              <section
                key={id}
                aria-label={t('answer', { number: index + 1, model, question: place + 1 })}
                aria-live="polite"
                aria-busy={turn.answers[id]?.state === 'writing'}
              >
                {columns.length > 1 && <p className="mb-1 text-xs font-medium text-muted">{model}</p>}
                <AnswerView answer={turn.answers[id] ?? noAnswer} />
              </section>
            ))}
          </div>
        </li>
      ))}
    </ol>
  )
}

interface AskingProps {
  readonly busy: boolean
  readonly blocked: boolean
  send(question: string): void
  stop(): void
}

function Asking({ busy, blocked, send, stop }: AskingProps) {
  const t = useWords(text)
  const [question, setQuestion] = useState('')
  const possible = !busy && !blocked && question.trim() !== ''
  const submit = (event: FormEvent | KeyboardEvent) => {
    event.preventDefault()
    if (!possible) return
    send(question)
    setQuestion('')
  }
  return (
    <form onSubmit={submit} className="flex items-end gap-2 border-t border-line p-3">
      <TextArea
        label={t('message')}
        bare
        className="flex-1"
        rows={2}
        placeholder={t('ask')}
        value={question}
        onChange={(event) => setQuestion(event.target.value)}
        onKeyDown={(event) => {
          // While an input method composes a character, Enter belongs to it.
          if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) submit(event)
        }}
      />
      {busy ? (
        <Button icon={<Square aria-hidden className="size-4" />} onClick={stop}>
          {t('stop')}
        </Button>
      ) : (
        <Button type="submit" weight="strong" icon={<Send aria-hidden className="size-4" />} disabled={!possible}>
          {t('send')}
        </Button>
      )}
    </form>
  )
}
