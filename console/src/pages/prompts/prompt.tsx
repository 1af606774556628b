// One prompt: its versions with their labels, the text of one, what differs from another, and the next version.
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { ArrowLeft } from 'lucide-react'
import type { Static } from 'typebox'
import type { PromptObject, PromptVersionObject, PromptVersionPage } from '../../../../src/wire/prompts.ts'
import { useFormats, useWords } from '../../language/language.tsx'
import { Badge } from '../../parts/badge.tsx'
import { Button } from '../../parts/button.tsx'
import { join } from '../../parts/class-names.ts'
import { CodeBlock } from '../../parts/code-block.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Difference } from '../../parts/difference.tsx'
import { SelectField } from '../../parts/field.tsx'
import { FormDialog } from '../../parts/form.tsx'
import { Go } from '../../parts/link.tsx'
import { PageHead, Panel } from '../../parts/panel.tsx'
import { Loading, Problem } from '../../parts/states.tsx'
import { call } from '../../server/client.ts'
import { useSession } from '../../server/session.tsx'
import { EditVersion, LabelVersion } from './edit.tsx'
import { text } from './text.ts'

type Prompt = Static<typeof PromptObject>
type Version = Static<typeof PromptVersionObject>

/** The version that is shown, and the one that it is compared with. */
interface Choice {
  readonly version?: number
  readonly with?: number
}

/** The page. */
export function PromptPage() {
  const { promptId = '' } = useParams({ strict: false }) as { readonly promptId?: string }
  const path = `/v2/prompts/${encodeURIComponent(promptId)}`
  const prompt = useQuery({
    queryKey: ['prompts', promptId],
    queryFn: ({ signal }) => call<Prompt>(path, { signal }),
  })
  const versions = useQuery({
    queryKey: ['prompts', promptId, 'versions'],
    queryFn: ({ signal }) => call<Static<typeof PromptVersionPage>>(`${path}/versions`, { signal }),
  })
  if (prompt.isError) return <Problem page error={prompt.error} retry={() => void prompt.refetch()} />
  if (versions.isError) return <Problem page error={versions.error} retry={() => void versions.refetch()} />
  if (prompt.data === undefined || versions.data === undefined) return <Loading />
  return <View prompt={prompt.data} versions={versions.data.data} path={path} />
}

interface ViewProps {
  readonly prompt: Prompt
  /** The newest first. */
  readonly versions: readonly Version[]
  readonly path: string
}

function View({ prompt, versions, path }: ViewProps) {
  const t = useWords(text)
  const navigate = useNavigate()
  const { may } = useSession()
  const choice = useSearch({ strict: false }) as Choice
  const shown = versions.find(({ version }) => version === choice.version) ?? versions[0]
  if (shown === undefined) return null
  const writing = may('prompts.write')
  return (
    <>
      <Go to="/prompts" look="back">
        <ArrowLeft aria-hidden className="size-4" />
        {t('back')}
      </Go>
      <PageHead
        title={prompt.name}
        hint={prompt.title ?? t('useIt')}
        actions={
          <>
            <Go to="/playground" search={{ prompt: prompt.name, version: shown.version }} look="button">
              {t('try')}
            </Go>
            {writing && (
              <>
                <FormDialog
                  title={t('edit')}
                  hint={t('editHint')}
                  trigger={<Button weight="strong">{t('edit')}</Button>}
                  form={(close) => <EditVersion path={path} from={shown} close={close} />}
                />
                <Confirm
                  act={t('remove')}
                  title={t('removeTitle', { name: prompt.name })}
                  hint={t('removeHint')}
                  path={path}
                  stale="prompts"
                  done={() => void navigate({ to: '/prompts' as never })}
                />
              </>
            )}
          </>
        }
      />
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-[20rem_minmax(0,1fr)]">
        <Panel title={t('versions')}>
          <Versions versions={versions} shown={shown} path={path} />
        </Panel>
        <Shown shown={shown} versions={versions} compared={choice.with} />
      </div>
    </>
  )
}

interface VersionsProps {
  readonly versions: readonly Version[]
  readonly shown: Version
  readonly path: string
}

function Versions({ versions, shown, path }: VersionsProps) {
  const t = useWords(text)
  const { dateTime } = useFormats()
  const { may } = useSession()
  return (
    <ul className="divide-y divide-line">
      {versions.map((version) => (
        <li
          key={version.version}
          className={join('flex items-start justify-between gap-2 p-3', version === shown && 'bg-accent-soft')}
        >
          <div className="min-w-0">
            <Go
              to="."
              search={{ version: version.version }}
              look="plain"
              current={version === shown}
              className="text-sm font-medium"
            >
              {t('versionNumber', { version: version.version })}
            </Go>
            <div className="text-xs text-muted">{dateTime(Date.parse(version.createdAt))}</div>
            {version.notes !== undefined && <p className="mt-1 text-xs">{version.notes}</p>}
            <div className="mt-1 flex flex-wrap gap-1">
              {version.aliases.map((alias) => (
                <Badge key={alias} tone="good" long>
                  {alias}
                </Badge>
              ))}
            </div>
          </div>
          {may('prompts.write') && (
            <FormDialog
              title={t('label')}
              hint={t('labelHint')}
              trigger={
                <Button weight="quiet" aria-label={t('labelOf', { version: version.version })}>
                  {t('labels')}
                </Button>
              }
              form={(close) => <LabelVersion path={path} version={version} close={close} />}
            />
          )}
        </li>
      ))}
    </ul>
  )
}

interface ShownProps {
  readonly shown: Version
  readonly versions: readonly Version[]
  /** Number of the version that it is compared with. */
  readonly compared: number | undefined
}

function Shown({ shown, versions, compared }: ShownProps) {
  const t = useWords(text)
  const navigate = useNavigate()
  const other = versions.find(({ version }) => version === compared && version !== shown.version)
  const choose = (value: string) =>
    void navigate({
      to: '.' as never,
      search: (({ with: _, ...before }: Choice) =>
        value === '' ? before : { ...before, with: Number(value) }) as never,
    })
  const picker = versions.length > 1 && (
    <SelectField
      label={t('compare')}
      bare
      className="w-52"
      value={other === undefined ? '' : String(other.version)}
      onChange={(event) => choose(event.target.value)}
    >
      <option value="">{t('alone')}</option>
      {versions
        .filter((version) => version !== shown)
        .map(({ version }) => (
          <option key={version} value={version}>
            {t('comparedWith', { version })}
          </option>
        ))}
    </SelectField>
  )
  return (
    <Panel title={t('versionNumber', { version: shown.version })} actions={picker}>
      <div className="p-4">
        {other === undefined ? (
          <CodeBlock>{shown.definition.content}</CodeBlock>
        ) : (
          <Difference before={other.definition.content} after={shown.definition.content} />
        )}
        {shown.definition.variables.length > 0 && (
          <p className="mt-3 text-xs text-muted">
            {t('filled', { names: shown.definition.variables.map(({ name }) => name).join(', ') })}
          </p>
        )}
      </div>
    </Panel>
  )
}
