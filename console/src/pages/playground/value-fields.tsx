// A value as the fields of its JSON Schema: texts, numbers, choices, lists, objects in objects. What a schema says otherwise is typed as JSON.
import { Plus, X } from 'lucide-react'
import { useState } from 'react'
import { useWords } from '../../language/language.tsx'
import { Button, SmallButton } from '../../parts/button.tsx'
import { SelectField, TextArea, TextField } from '../../parts/field.tsx'
import { parse } from './settings.ts'
import { text } from './text.ts'
import { type Json, kindOf, startOf, sub } from './value-schema.ts'

interface ValueProps {
  readonly label: string
  readonly schema: unknown
  /** Undefined: nothing is given. */
  readonly value: unknown
  readonly required: boolean
  change(value: unknown): void
}

/** The fields of a value. */
export function ValueFields(props: ValueProps) {
  const { label, schema, value, required, change } = props
  const kind = kindOf(schema)
  const description = sub(schema, 'description')
  const common = { label, required, hint: typeof description === 'string' ? description : undefined }
  switch (kind) {
    case 'choice':
      return <Choice {...props} />
    case 'object':
      return <ObjectFields {...props} />
    case 'list':
      return <ListFields {...props} />
    case 'string':
      return (
        <TextField
          {...common}
          value={typeof value === 'string' ? value : ''}
          {...bounds(schema, { minLength: 'minLength', maxLength: 'maxLength' })}
          onChange={(event) => change(event.target.value === '' && !required ? undefined : event.target.value)}
        />
      )
    case 'number':
    case 'integer':
      return (
        <TextField
          {...common}
          type="number"
          step={kind === 'integer' ? 1 : 'any'}
          value={typeof value === 'number' ? value : ''}
          {...bounds(schema, { minimum: 'min', maximum: 'max' })}
          onChange={(event) => change(event.target.value === '' ? undefined : Number(event.target.value))}
        />
      )
    case 'json':
      return <JsonField {...props} />
  }
}

/** Bounds of a schema as the browser's own. */
function bounds(schema: unknown, names: Readonly<Record<string, string>>): Readonly<Record<string, number>> {
  const found = Object.entries(names).map(([name, own]) => [own, sub(schema, name)] as const)
  return Object.fromEntries(found.filter((entry): entry is [string, number] => typeof entry[1] === 'number'))
}

function Choice({ label, schema, value, required, change }: ValueProps) {
  const choices = sub(schema, 'type') === 'boolean' ? [true, false] : (sub(schema, 'enum') as readonly unknown[])
  const said = (choice: unknown) => (typeof choice === 'string' ? choice : JSON.stringify(choice))
  const place = choices.findIndex((choice) => JSON.stringify(choice) === JSON.stringify(value))
  const description = sub(schema, 'description')
  return (
    <SelectField
      {...{ label, required, hint: typeof description === 'string' ? description : undefined }}
      value={place === -1 ? '' : place}
      onChange={(event) => change(event.target.value === '' ? undefined : choices[Number(event.target.value)])}
    >
      <option value="">–</option>
      {choices.map((choice, index) => (
        <option key={JSON.stringify(choice)} value={index}>
          {said(choice)}
        </option>
      ))}
    </SelectField>
  )
}

const group = 'min-w-0 space-y-2 border-l-2 border-line pl-3'

function ObjectFields({ label, schema, value, change }: ValueProps) {
  return (
    <fieldset className={group}>
      <legend className="text-sm font-medium">{label}</legend>
      <PropertyFields schema={schema} value={value} change={change} />
    </fieldset>
  )
}

/** The fields of an object's properties. */
export function PropertyFields({ schema, value, change }: Pick<ValueProps, 'schema' | 'value' | 'change'>) {
  const properties = Object.entries((sub(schema, 'properties') ?? {}) as Json)
  const required = (sub(schema, 'required') ?? []) as readonly unknown[]
  const given = (typeof value === 'object' && value !== null ? value : {}) as Json
  return properties.map(([name, property]) => (
    <ValueFields
      key={name}
      label={name}
      schema={property}
      value={given[name]}
      required={required.includes(name)}
      change={(next) => {
        const { [name]: _, ...others } = given
        change(next === undefined ? others : { ...given, [name]: next })
      }}
    />
  ))
}

function ListFields({ label, schema, value, change }: ValueProps) {
  const t = useWords(text)
  const items = Array.isArray(value) ? (value as readonly unknown[]) : []
  const item = sub(schema, 'items')
  return (
    <fieldset className={group}>
      <legend className="text-sm font-medium">{label}</legend>
      {items.map((one, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an item has no other name than its place.
        <div key={index} className="flex items-end gap-1">
          <div className="min-w-0 flex-1">
            <ValueFields
              label={`${label} ${index + 1}`}
              schema={item}
              value={one}
              required
              change={(next) => change(items.with(index, next ?? startOf(item)))}
            />
          </div>
          <SmallButton
            label={t('remove', { model: `${label} ${index + 1}` })}
            onClick={() => change(items.filter((_, place) => place !== index))}
          >
            <X aria-hidden className="size-4" />
          </SmallButton>
        </div>
      ))}
      <Button icon={<Plus aria-hidden className="size-4" />} onClick={() => change([...items, startOf(item)])}>
        {t('addTo', { name: label })}
      </Button>
    </fieldset>
  )
}

function JsonField({ label, schema, value, required, change }: ValueProps) {
  const t = useWords(text)
  const [typed, setTyped] = useState(value === undefined ? '' : JSON.stringify(value, null, 2))
  const description = sub(schema, 'description')
  const isFault = typed.trim() !== '' && parse(typed) === undefined
  return (
    <TextArea
      {...{ label, required, code: true, rows: 3, value: typed }}
      hint={typeof description === 'string' ? description : t('asJson')}
      fault={isFault ? t('faultJson') : undefined}
      onChange={(event) => {
        setTyped(event.target.value)
        const next = parse(event.target.value)
        if (next !== undefined || event.target.value.trim() === '') change(next)
      }}
    />
  )
}
