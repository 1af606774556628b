// Asks before something is done that cannot be undone.
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { type CallOptions, send } from '../server/client.ts'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'
import { Problem } from './states.tsx'

// Not “Cancel”: a batch is cancelled by the other button.
const text = words({ en: { keep: 'Keep it' }, fr: { keep: 'Garder' } })

interface ConfirmProps {
  /** What is done, on both buttons. */
  readonly act: string
  readonly title: string
  readonly hint: string
  /** The call that does it. */
  readonly path: string
  readonly options?: CallOptions
  /** What is read anew afterwards: the first word of queries' keys. */
  readonly stale: string
  /** Called when it is done. */
  readonly done?: () => void
}

/** A button, and the question behind it. Deletes what lies at the path, unless the options say otherwise. */
export function Confirm({ act, title, hint, path, options = { method: 'DELETE' }, stale, done }: ConfirmProps) {
  const t = useWords(text)
  const queries = useQueryClient()
  const [open, setOpen] = useState(false)
  const doing = useMutation({
    mutationFn: () => send(path, options),
    async onSuccess() {
      await queries.invalidateQueries({ queryKey: [stale] })
      setOpen(false)
      done?.()
    },
  })
  return (
    <Dialog title={title} hint={hint} open={open} change={setOpen} trigger={<Button weight="quiet">{act}</Button>}>
      {doing.isError && <Problem error={doing.error} />}
      <div className="flex justify-end gap-2">
        <Button onClick={() => setOpen(false)}>{t('keep')}</Button>
        <Button weight="danger" onClick={() => doing.mutate()} disabled={doing.isPending}>
          {act}
        </Button>
      </div>
    </Dialog>
  )
}
