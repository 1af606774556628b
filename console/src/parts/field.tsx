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
  readonly className?: string | undefined
}

/** What ties an input to its label and to the words under it. */
interface Wiring {
  readonly id: string
  readonly className: string
  readonly 'aria-invalid': boolean
  readonly 'aria-describedby': string | undefined
}

const box =
  'w-full rounded-lg border border-line bg-surface px-3 py-2 text-sm text-ink shadow-xs outline-none focus:border-accent focus:ring-2 focus:ring-accent/40 disabled:opacity-60'

interface FrameProps extends FieldProps {
  /** Makes the input itself. */
  readonly input: (wiring: Wiring) => ReactNode
}

/** What is around every input. */
function Frame({ label, hint, fault, bare, className, input }: FrameProps) {
  const id = useId()
  const said = [hint !== undefined && `${id}-hint`, fault !== undefined && `${id}-fault`].filter(Boolean).join(' ')
  return (
    <div className={join('min-w-0', className)}>
      <label htmlFor={id} className={bare === true ? 'sr-only' : 'mb-1 block text-sm font-medium'}>
        {label}
      </label>
      {input({
        ...{ id, className: box, 'aria-invalid': fault !== undefined },
        'aria-describedby': said === '' ? undefined : said,
      })}
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

/** What is the input's own among a field's properties. */
function own<Props extends FieldProps>({ label, hint, fault, bare, className, ...rest }: Props) {
  return rest
}

/** One line of text, a number, a date… */
export function TextField(props: FieldProps & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <Frame
      {...props}
      input={(wiring) => <input {...own(props)} {...wiring} className={join(wiring.className, 'h-9')} />}
    />
  )
}

/** Several lines of text; `code`: of a machine's language. */
export function TextArea({
  code,
  ...props
}: FieldProps & TextareaHTMLAttributes<HTMLTextAreaElement> & { readonly code?: boolean }) {
  const look = code === true ? 'resize-y font-mono text-xs' : 'resize-y'
  return (
    <Frame
      {...props}
      input={(wiring) => (
        <textarea spellCheck={code !== true} {...own(props)} {...wiring} className={join(wiring.className, look)} />
      )}
    />
  )
}

/** One of several. The browser's own list: it works with every keyboard, screen reader and telephone. */
export function SelectField({ children, ...props }: FieldProps & SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <Frame
      {...props}
      input={(wiring) => (
        <select {...own(props)} {...wiring} className={join(wiring.className, 'h-9 py-0 pr-8')}>
          {children}
        </select>
      )}
    />
  )
}

/** Yes or no. */
export function CheckField({
  label,
  bare,
  className,
  ...rest
}: Pick<FieldProps, 'label' | 'bare'> & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId()
  return (
    <div className={join('flex items-center gap-2', className)}>
      <input {...rest} id={id} type="checkbox" className="size-4 accent-accent" />
      <label htmlFor={id} className={bare === true ? 'sr-only' : 'text-sm'}>
        {label}
      </label>
    </div>
  )
}
