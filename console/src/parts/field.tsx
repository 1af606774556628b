// Inputs with their labels, hints and faults, wired for those who do not see them.
import {
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
  useId,
} from 'react'
import { join } from './class-names.ts'

interface FieldProps {
  readonly label: string
  readonly hint?: string | undefined
  /** What is wrong with the value, in words. */
  readonly fault?: string | undefined
  /** The label is there for screen readers alone. */
  readonly bare?: boolean
}

const box =
  'w-full rounded-lg border border-line bg-surface px-3 py-2 text-sm text-ink shadow-xs outline-none focus:border-accent disabled:opacity-60'

function Frame({
  label,
  hint,
  fault,
  bare,
  id,
  className,
  children,
}: FieldProps & { readonly id: string; readonly className?: string | undefined; readonly children: ReactNode }) {
  return (
    <div className={join('min-w-0', className)}>
      <label htmlFor={id} className={bare === true ? 'sr-only' : 'mb-1 block text-sm font-medium'}>
        {label}
      </label>
      {children}
      {hint !== undefined && (
        <p id={`${id}-hint`} className="mt-1 text-xs text-muted">
          {hint}
        </p>
      )}
      {fault !== undefined && (
        <p id={`${id}-fault`} role="alert" className="mt-1 text-xs text-bad">
          {fault}
        </p>
      )}
    </div>
  )
}

function describedBy(id: string, { hint, fault }: FieldProps): string | undefined {
  const parts = [hint !== undefined && `${id}-hint`, fault !== undefined && `${id}-fault`].filter(Boolean)
  return parts.length === 0 ? undefined : parts.join(' ')
}

/** One line of text, a number, a date… */
export function TextField({
  label,
  hint,
  fault,
  bare,
  className,
  ...rest
}: FieldProps & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId()
  const frame = { label, hint, fault, ...(bare !== undefined && { bare }) }
  return (
    <Frame {...frame} id={id} className={className}>
      <input
        {...rest}
        id={id}
        className={box}
        aria-invalid={fault !== undefined}
        aria-describedby={describedBy(id, frame)}
      />
    </Frame>
  )
}

/** Several lines of text. */
export function TextArea({
  label,
  hint,
  fault,
  bare,
  className,
  ...rest
}: FieldProps & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const id = useId()
  const frame = { label, hint, fault, ...(bare !== undefined && { bare }) }
  return (
    <Frame {...frame} id={id} className={className}>
      <textarea
        {...rest}
        id={id}
        className={join(box, 'resize-y')}
        aria-invalid={fault !== undefined}
        aria-describedby={describedBy(id, frame)}
      />
    </Frame>
  )
}

/** One of several. The browser's own list: it works with every keyboard, screen reader and telephone. */
export function SelectField({
  label,
  hint,
  fault,
  bare,
  className,
  children,
  ...rest
}: FieldProps & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId()
  const frame = { label, hint, fault, ...(bare !== undefined && { bare }) }
  return (
    <Frame {...frame} id={id} className={className}>
      <select {...rest} id={id} className={join(box, 'pr-8')} aria-describedby={describedBy(id, frame)}>
        {children}
      </select>
    </Frame>
  )
}

/** Yes or no. */
export function CheckField({
  label,
  className,
  ...rest
}: { readonly label: string } & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId()
  return (
    <div className={join('flex items-center gap-2', className)}>
      <input {...rest} id={id} type="checkbox" className="size-4 accent-accent" />
      <label htmlFor={id} className="text-sm">
        {label}
      </label>
    </div>
  )
}
