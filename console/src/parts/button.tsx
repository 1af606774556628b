// Buttons in their three weights.
import type { ButtonHTMLAttributes, ReactNode } from 'react'
import { join } from './class-names.ts'

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** `strong` is the one thing to do on a page, `plain` the usual, `quiet` for tools in a row, `danger` destroys. */
  readonly weight?: 'strong' | 'plain' | 'quiet' | 'danger'
  readonly icon?: ReactNode
}

const weights = {
  strong: 'bg-accent text-on-accent hover:opacity-90 border-transparent',
  plain: 'bg-surface text-ink border-line hover:bg-raised',
  quiet: 'bg-transparent text-muted border-transparent hover:bg-raised hover:text-ink',
  danger: 'bg-surface text-bad border-line hover:bg-bad-soft',
}

/** A button with a text, and perhaps an icon before it. One that can do nothing now keeps the focus that it has: it is not taken out of the page's order. */
export function Button({
  weight = 'plain',
  icon,
  className,
  children,
  type = 'button',
  disabled = false,
  onClick,
  ...rest
}: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      aria-disabled={disabled || undefined}
      onClick={disabled ? (event) => event.preventDefault() : onClick}
      className={join(
        'inline-flex min-h-9 items-center justify-center gap-2 rounded-lg border px-3 py-1.5 text-sm font-medium whitespace-nowrap transition-colors aria-disabled:cursor-not-allowed aria-disabled:opacity-50',
        weights[weight],
        className,
      )}
    >
      {icon}
      {children}
    </button>
  )
}

/** A small icon beside what it does something with. */
export function SmallButton({ label, children, className, ...rest }: ButtonProps & { readonly label: string }) {
  return (
    <IconButton {...rest} label={label} className={join('size-7! min-h-7! min-w-7! p-0!', className)}>
      {children}
    </IconButton>
  )
}

/** A button that is only an icon; `label` is what it is called. */
export function IconButton({ label, children, className, ...rest }: ButtonProps & { readonly label: string }) {
  return (
    <Button weight="quiet" {...rest} aria-label={label} title={label} className={join('min-w-9 shrink-0', className)}>
      {children}
    </Button>
  )
}
