// Copies a text, and says that it did.
import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { Button } from './button.tsx'

const text = words({ en: { copy: 'Copy', copied: 'Copied' }, fr: { copy: 'Copier', copied: 'Copié' } })

/** A button that puts `value` on the clipboard. */
export function CopyButton({ value }: { readonly value: string }) {
  const t = useWords(text)
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 2_000)
    return () => clearTimeout(timer)
  }, [copied])
  const Icon = copied ? Check : Copy
  return (
    <Button
      icon={<Icon aria-hidden className="size-4" />}
      onClick={() => void navigator.clipboard.writeText(value).then(() => setCopied(true))}
    >
      <span aria-live="polite">{copied ? t('copied') : t('copy')}</span>
    </Button>
  )
}
