// What a model's engine wrote last.
import { useQuery } from '@tanstack/react-query'
import type { Static } from 'typebox'
import type { ModelLog } from '../../../../src/wire/model-states.ts'
import { useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { CodeBlock } from '../../parts/code-block.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Empty, Loading, Problem } from '../../parts/states.tsx'
import { call } from '../../server/client.ts'
import { text } from './text.ts'

/** The button and the lines behind it. */
export function Log({ model }: { readonly model: string }) {
  const t = useWords(text)
  return (
    <Dialog
      title={t('logOf', { model })}
      hint={t('logHint')}
      trigger={
        <Button weight="quiet" aria-label={t('logOf', { model })}>
          {t('log')}
        </Button>
      }
    >
      <Lines model={model} />
    </Dialog>
  )
}

function Lines({ model }: { readonly model: string }) {
  const t = useWords(text)
  const log = useQuery({
    queryKey: ['model-log', model],
    refetchInterval: 2_000,
    queryFn: ({ signal }) =>
      call<Static<typeof ModelLog>>(`/galerne/v1/models/log?${new URLSearchParams({ model })}`, { signal }),
  })
  if (log.isPending) return <Loading />
  if (log.isLoadingError) return <Problem error={log.error} retry={() => void log.refetch()} />
  if (log.data.data.length === 0) return <Empty title={t('noLog')} hint={t('noLogHint')} />
  // The newest first: that is what one looks for.
  const lines = [...log.data.data].reverse()
  return (
    <CodeBlock>
      {lines.map(({ at, level, line }) => `${new Date(at).toISOString()} ${level} ${line.trimEnd()}`).join('\n')}
    </CodeBlock>
  )
}
