// Copies a text, and says that it did.
import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { Button, SmallButton } from './button.tsx'

const text = words({ en: { copy: 'Copy', copied: 'Copied' }, fr: { copy: 'Copier', copied: 'Copié' } })

interface CopyButtonProps {
  readonly value: string
  /** Only an icon, beside what it copies. */
  readonly small?: boolean
  /** What it is called where there is more than one. */
  readonly name?: string
  readonly className?: string
}

/** A button that puts `value` on the clipboard. */
export function CopyButton({ value, small, name, className }: CopyButtonProps) {
  const t = useWords(text)
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 2_000)
    return () => clearTimeout(timer)
  }, [copied])
  const Icon = copied ? Check : Copy
  const copy = () => void navigator.clipboard.writeText(value).then(() => setCopied(true))
  if (small === true) {
    return (
      <SmallButton label={copied ? t('copied') : (name ?? t('copy'))} className={className} onClick={copy}>
        <Icon aria-hidden className="size-3.5" />
      </SmallButton>
    )
  }
  return (
    <Button icon={<Icon aria-hidden className="size-4" />} className={className} onClick={copy}>
      <span aria-live="polite">{copied ? t('copied') : t('copy')}</span>
    </Button>
  )
}
