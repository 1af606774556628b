// A form: its fields, what went wrong, and the one button that sends it. And the same in a dialog that closes when it is done.
import { type FormEvent, type ReactElement, type ReactNode, useState } from 'react'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'
import { Problem } from './states.tsx'

/** What is known of the sending: a mutation has it. */
interface Sending {
  readonly isPending: boolean
  readonly error: unknown
}

interface FormProps {
  /** What the button says. */
  readonly act: string
  readonly sending: Sending
  readonly send: () => void
  /** False while something is missing that the fields cannot say by themselves. */
  readonly ready?: boolean
  /** The button is as wide as the form. */
  readonly wide?: boolean
  /** The error is told by a field. */
  readonly quiet?: boolean
  readonly children?: ReactNode
}

/** The form. */
export function Form({ act, sending, send, ready = true, wide, quiet, children }: FormProps) {
  const submit = (event: FormEvent) => {
    event.preventDefault()
    // A form in a dialog lies, for React, inside the form that the dialog was opened from.
    event.stopPropagation()
    if (ready && !sending.isPending) send()
  }
  return (
    <form onSubmit={submit} className="space-y-4">
      {children}
      {quiet !== true && sending.error !== null && <Problem error={sending.error} />}
      <div className="flex justify-end">
        <Button
          type="submit"
          weight="strong"
          disabled={!ready || sending.isPending}
          {...(wide === true && { className: 'w-full' })}
        >
          {act}
        </Button>
      </div>
    </form>
  )
}

interface FormDialogProps {
  readonly title: string
  readonly hint?: string
  readonly trigger: ReactElement
  /** Makes the form; it calls `close` when all is done. */
  readonly form: (close: () => void) => ReactNode
}

/** A form behind a button. What was typed is forgotten when the dialog closes. */
export function FormDialog({ form, ...rest }: FormDialogProps) {
  const [open, setOpen] = useState(false)
  return (
    <Dialog {...rest} open={open} change={setOpen}>
      {form(() => setOpen(false))}
    </Dialog>
  )
}
