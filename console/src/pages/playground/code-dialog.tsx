// The last question as code to take away.
import { Code } from 'lucide-react'
import { useState } from 'react'
import { useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { CodeBlock } from '../../parts/code-block.tsx'
import { CopyButton } from '../../parts/copy-button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { SelectField } from '../../parts/field.tsx'
import { type CodeKind, codeFor, codeKinds } from './code.ts'
import { text } from './text.ts'

/** A button, and the code behind it. */
export function CodeDialog({ body }: { readonly body: Readonly<Record<string, unknown>> }) {
  const t = useWords(text)
  const [kind, setKind] = useState<CodeKind>('curl')
  const code = codeFor(kind, location.origin, body)
  return (
    <Dialog
      title={t('code')}
      hint={t('codeHint')}
      trigger={<Button icon={<Code aria-hidden className="size-4" />}>{t('code')}</Button>}
    >
      <div className="mb-3 flex items-end gap-2">
        <SelectField
          label={t('code')}
          bare
          className="flex-1"
          value={kind}
          onChange={(event) => setKind(event.target.value as CodeKind)}
        >
          {codeKinds.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </SelectField>
        <CopyButton value={code} />
      </div>
      <CodeBlock lines>{code}</CodeBlock>
    </Dialog>
  )
}
