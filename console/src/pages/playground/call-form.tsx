// Calls that a model wants: the arguments as a form of the tool's own schema, and a place for what the tool gave.
import { type FormEvent, useState } from 'react'
import { useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { TextArea } from '../../parts/field.tsx'
import type { CallResult, Step } from './conversation.ts'
import { parse } from './settings.ts'
import type { WantedCall } from './stream.ts'
import { text } from './text.ts'
import type { Tool } from './tools-editor.tsx'
import { PropertyFields } from './value-fields.tsx'
import { kindOf } from './value-schema.ts'

interface CallsProps {
  readonly step: Step
  readonly tools: readonly Tool[]
  /** Absent: it is too late to give results. */
  readonly give?: ((results: Readonly<Record<string, CallResult>>) => void) | undefined
}

/** The calls of one step: to be answered, or as they were answered. */
export function Calls({ step: { answer, results }, tools, give }: CallsProps) {
  const t = useWords(text)
  const [given, setGiven] = useState<Readonly<Record<string, CallResult>>>({})
  const resultOf = (call: WantedCall) => given[call.id] ?? { arguments: call.arguments, result: '' }
  if (answer.calls.length === 0) return null
  if (results !== undefined || give === undefined || answer.state !== 'done') {
    return answer.calls.map((call) => <Called key={call.id} call={call} result={results?.[call.id]} />)
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    give(Object.fromEntries(answer.calls.map((call) => [call.id, resultOf(call)])))
  }
  return (
    <form onSubmit={submit} className="mt-2 space-y-3 rounded-lg border border-line bg-raised p-3">
      {answer.calls.map((call) => (
        <CallFields
          key={call.id}
          call={call}
          tool={tools.find((tool) => tool.function.name === call.name)}
          result={resultOf(call)}
          change={(result) => setGiven({ ...given, [call.id]: result })}
        />
      ))}
      <Button type="submit" weight="strong">
        {t('giveResult')}
      </Button>
    </form>
  )
}

function Called({ call, result }: { readonly call: WantedCall; readonly result: CallResult | undefined }) {
  const t = useWords(text)
  return (
    <div className="mt-2 rounded-lg border border-line bg-raised p-3">
      <p className="text-xs font-medium">{t('call', { name: call.name })}</p>
      <pre className="mt-1 overflow-x-auto font-mono text-xs">{result?.arguments ?? call.arguments}</pre>
      {result !== undefined && <p className="mt-2 text-xs whitespace-pre-wrap text-muted">{`→ ${result.result}`}</p>}
    </div>
  )
}

interface CallFieldsProps {
  readonly call: WantedCall
  readonly tool: Tool | undefined
  readonly result: CallResult
  change(result: CallResult): void
}

function CallFields({ call, tool, result, change }: CallFieldsProps) {
  const t = useWords(text)
  const schema = tool?.function.parameters
  const [given, setGiven] = useState(() => parse(call.arguments))
  const set = (value: unknown) => {
    setGiven(value)
    change({ ...result, arguments: JSON.stringify(value) })
  }
  return (
    <fieldset className="space-y-2">
      <legend className="text-xs font-medium">{t('call', { name: call.name })}</legend>
      {kindOf(schema) === 'object' ? (
        <PropertyFields schema={schema} value={given} change={set} />
      ) : (
        <TextArea
          label={t('arguments')}
          code
          rows={3}
          value={result.arguments}
          onChange={(event) => change({ ...result, arguments: event.target.value })}
        />
      )}
      <TextArea
        label={t('result')}
        hint={t('resultHint')}
        rows={2}
        required
        value={result.result}
        onChange={(event) => change({ ...result, result: event.target.value })}
      />
    </fieldset>
  )
}
