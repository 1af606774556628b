// Something that is shown once: a key, a link. To be copied before the dialog closes.
import { useEffect, useRef } from 'react'
import { useWords } from '../language/language.tsx'
import { words } from '../language/words.ts'
import { Button } from './button.tsx'
import { CodeBlock } from './code-block.tsx'
import { CopyButton } from './copy-button.tsx'

const text = words({ en: { done: 'I have it' }, fr: { done: 'Je l’ai' } })

/** Shows it. */
export function Secret({ value, hint, done }: { readonly value: string; readonly hint: string; done(): void }) {
  const t = useWords(text)
  const copying = useRef<HTMLDivElement>(null)
  // It takes the place of the form whose button had the focus.
  useEffect(() => copying.current?.querySelector('button')?.focus(), [])
  return (
    <>
      <p className="text-sm text-muted">{hint}</p>
      <CodeBlock>{value}</CodeBlock>
      <div ref={copying} className="mt-3 flex justify-end gap-2">
        <CopyButton value={value} />
        <Button weight="strong" onClick={done}>
          {t('done')}
        </Button>
      </div>
    </>
  )
}
