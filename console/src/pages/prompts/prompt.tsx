// One prompt: its versions with their labels, the text of one, what differs from another, and the next version.
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { ArrowLeft } from 'lucide-react'
import type { Static } from 'typebox'
import type { PromptObject, PromptVersionObject } from '../../../../src/wire/prompts.ts'
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
import { Pages } from '../../parts/list.tsx'
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
  readonly version?: string
  readonly with?: string
}

/** The prompt with one of its versions, the latest without a number. */
function usePrompt(path: string, version: string | undefined, enabled = true) {
  return useQuery({
    queryKey: ['prompts', path, version ?? 'latest'],
    enabled,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      call<Prompt>(version === undefined ? path : `${path}?version=${encodeURIComponent(version)}`, { signal }),
  })
}

/** The page. */
export function PromptPage() {
  const { promptId = '' } = useParams({ strict: false }) as { readonly promptId?: string }
  const { version, with: other } = useSearch({ strict: false }) as Choice
  const path = `/v2/prompts/${encodeURIComponent(promptId)}`
  const shown = usePrompt(path, version)
  const compared = usePrompt(path, other, other !== undefined)
  const failed = shown.isLoadingError ? shown : compared
  if (failed.isLoadingError) return <Problem page error={failed.error} retry={() => void failed.refetch()} />
  if (shown.data === undefined) return <Loading />
  return <View shown={shown.data} compared={other === undefined ? undefined : compared.data} path={path} />
}

interface ViewProps {
  readonly shown: Prompt
  /** The version that it is compared with. */
  readonly compared: Prompt | undefined
  readonly path: string
}

function View({ shown, compared, path }: ViewProps) {
  const t = useWords(text)
  const navigate = useNavigate()
  const { may } = useSession()
  const writing = may('prompts.write')
  return (
    <>
      <Go to="/prompts" look="back">
        <ArrowLeft aria-hidden className="size-4" />
        {t('back')}
      </Go>
      <PageHead
        title={shown.name}
        hint={shown.title ?? t('useIt')}
        actions={
          <>
            <Go to="/playground" search={{ prompt: shown.name, version: shown.version }} look="button">
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
                  title={t('removeTitle', { name: shown.name })}
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
          <Versions shown={shown.version} path={path} />
        </Panel>
        <Shown shown={shown} compared={compared} />
      </div>
    </>
  )
}

interface VersionsProps {
  /** Number of the version that is shown. */
  readonly shown: number
  readonly path: string
}

function Versions({ shown, path }: VersionsProps) {
  return (
    <Pages<Version> name={['prompts', 'versions']} path={`${path}/versions?pageSize=20`} empty={null}>
      {(versions) => (
        <ul className="divide-y divide-line">
          {versions.map((version) => (
            <OneVersion key={version.version} version={version} isShown={version.version === shown} path={path} />
          ))}
        </ul>
      )}
    </Pages>
  )
}

interface OneVersionProps {
  readonly version: Version
  readonly isShown: boolean
  readonly path: string
}

function OneVersion({ version, isShown, path }: OneVersionProps) {
  const t = useWords(text)
  const { dateTime } = useFormats()
  const { may } = useSession()
  return (
    <li className={join('flex items-start justify-between gap-2 p-3', isShown && 'bg-accent-soft')}>
      <div className="min-w-0">
        <Go to="." search={{ version: version.version }} look="plain" current={isShown} className="text-sm font-medium">
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
  )
}

function Shown({ shown, compared }: Omit<ViewProps, 'path'>) {
  const t = useWords(text)
  const navigate = useNavigate()
  const other = compared?.version === shown.version ? undefined : compared
  // Versions are numbered from 1 on, and none ever goes alone.
  const numbers = Array.from({ length: shown.latestVersion }, (_, past) => shown.latestVersion - past)
  const choose = (value: string) =>
    void navigate({
      to: '.' as never,
      search: (({ with: _, ...before }: Choice) => (value === '' ? before : { ...before, with: value })) as never,
    })
  const picker = numbers.length > 1 && (
    <SelectField
      label={t('compare')}
      bare
      className="w-52"
      value={other === undefined ? '' : String(other.version)}
      onChange={(event) => choose(event.target.value)}
    >
      <option value="">{t('alone')}</option>
      {numbers
        .filter((version) => version !== shown.version)
        .map((version) => (
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
