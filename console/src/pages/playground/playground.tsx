// The playground: ask one model, or up to four side by side, and see what each answer took.
import { Pencil, Plus, RefreshCw, RotateCcw, X } from 'lucide-react'
import { useMemo, useState } from 'react'
import { useWords } from '../../language/language.tsx'
import { Button, IconButton, SmallButton } from '../../parts/button.tsx'
import { join } from '../../parts/class-names.ts'
import { CopyButton } from '../../parts/copy-button.tsx'
import { SelectField } from '../../parts/field.tsx'
import { Go } from '../../parts/link.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { ServerError } from '../../server/client.ts'
import { useModels } from '../../server/models.ts'
import { useSession } from '../../server/session.tsx'
import { AnswerView } from './answer.tsx'
import { Asking } from './asking.tsx'
import { CodeDialog } from './code-dialog.tsx'
import { type CallResult, type Column, type Conversation, messagesFor, mostColumns, type Turn } from './conversation.ts'
import { useCosts } from './cost.ts'
import { emptyOpening, type Opening } from './opening.ts'
import { bodyOf, faultOf, type Settings } from './settings.ts'
import { SettingsPanel } from './settings-panel.tsx'
import { ShareDialog } from './share-dialog.tsx'
import { text } from './text.ts'
import { readTools } from './tools-editor.tsx'
import { useConversation } from './use-conversation.ts'
import { useOpening } from './use-opening.ts'

/** The page. */
export function Playground() {
  const t = useWords(text)
  const models = useModels()
  if (models.isPending) return <Loading />
  if (models.isLoadingError) return <Problem page error={models.error} retry={() => void models.refetch()} />
  const names = models.data.data.filter(({ capabilities }) => capabilities.completion_chat).map(({ id }) => id)
  if (names.length === 0) return <Empty page title={t('noModels')} hint={t('noModelsHint')} />
  const seeing = new Set(models.data.data.filter(({ capabilities }) => capabilities.vision).map(({ id }) => id))
  return <Opened models={names} seeing={seeing} />
}

interface ModelsProps {
  /** Those that chat. */
  readonly models: readonly string[]
  /** Those of them that see pictures. */
  readonly seeing: ReadonlySet<string>
}

/** Reads what the address says it begins with. */
function Opened({ models, seeing }: ModelsProps) {
  const t = useWords(text)
  const opening = useOpening(models)
  if (opening.isPending) return <Loading />
  if (opening.error instanceof ServerError && opening.error.code === 'not_found') {
    return (
      <Empty page title={t('notThere')} hint={t('notThereHint')}>
        <p className="mb-3 text-xs text-muted">{opening.error.message}</p>
        <Go to="/playground" look="button">
          {t('startEmpty')}
        </Go>
      </Empty>
    )
  }
  if (opening.isLoadingError) return <Problem page error={opening.error} retry={() => void opening.refetch()} />
  if (opening.data !== 'missing') return <Desk models={models} seeing={seeing} opening={opening.data} />
  return (
    <>
      <p role="status" className="mb-4 rounded-lg bg-warn-soft p-3 text-sm text-warn">
        {t('missing')}
      </p>
      <Desk models={models} seeing={seeing} opening={emptyOpening} />
    </>
  )
}

function Desk({ models, seeing, opening }: ModelsProps & { readonly opening: Opening }) {
  const t = useWords(text)
  const { may } = useSession()
  const [settings, setSettings] = useState(opening.settings)
  const [draft, setDraft] = useState<Draft>({ id: '', question: opening.question, images: [] })
  const desk = useConversation(models, opening.conversation)
  const { conversation, busy, ask, stop, clear, addColumn, removeColumn, chooseModel } = desk
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
            {may('shares.write') && <ShareDialog conversation={conversation} settings={settings} />}
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
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-[minmax(0,1fr)_18rem]">
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
                  {[...new Set([column.model, ...models])].map((model) => (
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
          <Turns
            conversation={conversation}
            {...(!busy && {
              edit: ({ id, question, images = [] }: Turn) => {
                desk.takeBack(id)
                setDraft({ id, question, images })
              },
              again: (turn: Turn) => desk.askAgain(turn, settings),
            })}
            tools={settings.tools}
            give={busy ? undefined : (column, results) => desk.giveResults(column, results, settings)}
          />
          <Asking
            // Another draft is another field.
            key={draft.id}
            first={draft.question}
            firstImages={draft.images}
            focus={draft.id !== ''}
            sees={columns.every(({ model }) => seeing.has(model))}
            busy={busy}
            stop={stop}
            send={(question, images) => ask(question, images, settings)}
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
  const last = turns.at(-1)
  const asked =
    last === undefined ? [{ id: '', question: '', steps: {} }] : [...turns.slice(0, -1), { ...last, steps: {} }]
  return bodyOf(column?.model ?? '', messagesFor(column?.id ?? '', asked, settings.system), settings)
}

function columnsClass(count: number): string {
  return (
    [
      '',
      'grid-cols-1',
      'grid-cols-1 md:grid-cols-2',
      'grid-cols-1 md:grid-cols-3',
      'grid-cols-1 md:grid-cols-2 xl:grid-cols-4',
    ][count] ?? ''
  )
}

/** What is being written anew. */
interface Draft extends Pick<Turn, 'question'> {
  /** Of the question that it takes the place of; empty: of none. */
  readonly id: string
  readonly images: readonly string[]
}

interface TurnsProps {
  readonly conversation: Conversation
  /** JSON text. */
  readonly tools: string
  /** Gives a column's model what its calls gave; absent while somebody answers. */
  readonly give: ((column: string, results: Readonly<Record<string, CallResult>>) => void) | undefined
  /** Writes a question anew, or has it answered anew; absent while somebody answers. */
  readonly edit?: (turn: Turn) => void
  readonly again?: (turn: Turn) => void
}

function Turns({ conversation: { columns, turns }, tools, give, edit, again }: TurnsProps) {
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
          <Question turn={turn} edit={edit} again={place === turns.length - 1 ? again : undefined} />
          <div className={join('grid gap-4', columnsClass(columns.length))}>
            {columns.map((column, index) => (
              <section
                key={column.id}
                aria-label={t('answer', { number: index + 1, model: column.model, question: place + 1 })}
                aria-live="polite"
                aria-busy={turn.steps[column.id]?.at(-1)?.answer.state === 'writing'}
                className="min-w-0"
              >
                {columns.length > 1 && <p className="mb-1 text-xs font-medium break-all text-muted">{column.model}</p>}
                <Steps turn={turn} column={column} tools={tools} give={place === turns.length - 1 ? give : undefined} />
              </section>
            ))}
          </div>
        </li>
      ))}
    </ol>
  )
}

interface QuestionProps {
  readonly turn: Turn
  readonly edit: TurnsProps['edit'] | undefined
  readonly again: TurnsProps['again'] | undefined
}

/** What was asked, and what can be done with it. */
function Question({ turn, edit, again }: QuestionProps) {
  const t = useWords(text)
  const number = (index: number) => ({ number: index + 1 })
  return (
    <div className="mb-3 flex flex-col items-end gap-1">
      <div className="max-w-[85%] rounded-xl bg-accent-soft px-3 py-2 text-sm whitespace-pre-wrap">
        <span className="sr-only">{t('you')}: </span>
        {turn.question}
        {turn.images?.map((image, index) => (
          <img key={image} src={image} alt={t('pictureOf', number(index))} className="mt-2 max-h-40 rounded" />
        ))}
      </div>
      <div className="flex gap-1">
        {again !== undefined && (
          <SmallButton label={t('again')} onClick={() => again(turn)}>
            <RefreshCw aria-hidden className="size-3.5" />
          </SmallButton>
        )}
        {edit !== undefined && (
          <SmallButton label={t('edit')} onClick={() => edit(turn)}>
            <Pencil aria-hidden className="size-3.5" />
          </SmallButton>
        )}
        <CopyButton value={turn.question} small name={t('copyQuestion')} />
      </div>
    </div>
  )
}

/** What one model did with one question. */
function Steps({
  turn,
  column,
  tools,
  give,
}: Omit<TurnsProps, 'conversation'> & { readonly turn: Turn; readonly column: Column }) {
  const t = useWords(text)
  const costOf = useCosts()
  const steps = turn.steps[column.id] ?? []
  const known = useMemo(() => readTools(tools) ?? [], [tools])
  if (steps.length === 0) return <p className="text-sm text-muted">{t('notAsked')}</p>
  return (
    <div className="space-y-3">
      {steps.map((step, place) => (
        <AnswerView
          // biome-ignore lint/suspicious/noArrayIndexKey: steps are only ever added at the end.
          key={place}
          step={step}
          tools={known}
          cost={costOf(column.model, step.answer)}
          give={give && place === steps.length - 1 ? (results) => give(column.id, results) : undefined}
        />
      ))}
    </div>
  )
}
