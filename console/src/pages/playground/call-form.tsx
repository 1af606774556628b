// Calls that a model wants: the arguments as a form of the tool's own schema, and a place for what the tool gave.
import { type FormEvent, useState } from 'react'
import { useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { SelectField, TextArea, TextField } from '../../parts/field.tsx'
import type { CallResult, Step } from './conversation.ts'
import { argumentsOf, rowsOf, type SchemaRow, valuesOf } from './schema-rows.ts'
import type { WantedCall } from './stream.ts'
import { text } from './text.ts'
import type { Tool } from './tools-editor.tsx'

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
  const rows = rowsOf(tool?.function.parameters)
  const [values, setValues] = useState(() => valuesOf(rows ?? [], call.arguments))
  const set = (name: string, value: string) => {
    const next = { ...values, [name]: value }
    setValues(next)
    change({ ...result, arguments: argumentsOf(rows ?? [], next) ?? result.arguments })
  }
  return (
    <fieldset className="space-y-2">
      <legend className="text-xs font-medium">{t('call', { name: call.name })}</legend>
      {rows === undefined ? (
        <TextArea
          label={t('arguments')}
          code
          rows={3}
          value={result.arguments}
          onChange={(event) => change({ ...result, arguments: event.target.value })}
        />
      ) : (
        rows.map((row) => (
          <ValueField key={row.name} row={row} value={values[row.name] ?? ''} set={(value) => set(row.name, value)} />
        ))
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

interface ValueFieldProps {
  readonly row: SchemaRow
  readonly value: string
  set(value: string): void
}

function ValueField({ row, value, set }: ValueFieldProps) {
  const { name: label, type, choices, description, required } = row
  const words = type === 'boolean' ? ['true', 'false'] : choices.split(', ').filter((word) => word !== '')
  const common = { label, hint: description === '' ? undefined : description, value, required }
  if (words.length > 0) {
    return (
      <SelectField {...common} onChange={(event) => set(event.target.value)}>
        <option value="">–</option>
        {words.map((word) => (
          <option key={word}>{word}</option>
        ))}
      </SelectField>
    )
  }
  if (type === 'list') return <TextArea {...common} rows={3} onChange={(event) => set(event.target.value)} />
  const isNumber = type === 'integer' || type === 'number'
  return (
    <TextField
      {...common}
      type={isNumber ? 'number' : 'text'}
      {...(isNumber && { step: type === 'integer' ? 1 : 'any' })}
      onChange={(event) => set(event.target.value)}
    />
  )
}
