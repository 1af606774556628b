// Edits a JSON Schema: as rows where it is one flat object, and always as JSON.
import { Plus, X } from 'lucide-react'
import { useState } from 'react'
import { useWords } from '../../language/language.tsx'
import { Button, IconButton } from '../../parts/button.tsx'
import { CheckField, SelectField, TextArea, TextField } from '../../parts/field.tsx'
import { rowsOf, rowTypes, type SchemaRow, schemaOf } from './schema-rows.ts'
import { isSchema, parse, reasonAgainst } from './settings.ts'
import { text } from './text.ts'

interface SchemaEditorProps {
  readonly label: string
  /** JSON text; empty: no schema. */
  readonly value: string
  change(value: string): void
}

const newRow: SchemaRow = { name: '', type: 'string', description: '', required: true, choices: '' }

/** The editor. */
export function SchemaEditor({ label, value, change }: SchemaEditorProps) {
  const t = useWords(text)
  const read = value.trim() === '' ? [] : rowsOf(parse(value))
  const [asJson, setAsJson] = useState(read === undefined)
  // Rows without a name are kept here: no schema can hold them.
  const [rows, setRows] = useState(read ?? [])
  const put = (next: readonly SchemaRow[]) => {
    setRows(next)
    change(next.length === 0 ? '' : JSON.stringify(schemaOf(next), null, 2))
  }
  const toRows = () => {
    if (read === undefined) return
    setRows(read)
    setAsJson(false)
  }
  const valid = value.trim() === '' || isSchema(value)
  return (
    <fieldset aria-label={label} className="min-w-0 space-y-2">
      <div className="flex items-center justify-between gap-2">
        <span aria-hidden className="text-sm font-medium">
          {label}
        </span>
        <Button
          weight="quiet"
          disabled={asJson && read === undefined}
          title={asJson && read === undefined ? t('onlyJson') : undefined}
          onClick={() => (asJson ? toRows() : setAsJson(true))}
        >
          {t(asJson ? 'asFields' : 'asJson')}
        </Button>
      </div>
      {asJson ? (
        <TextArea
          label={label}
          bare
          code
          rows={8}
          fault={valid ? undefined : t('faultSchema', { reason: reasonAgainst(value) ?? t('faultObject') })}
          hint={read === undefined && valid ? t('onlyJson') : undefined}
          value={value}
          onChange={(event) => change(event.target.value)}
        />
      ) : (
        <>
          {rows.map((row, place) => (
            <Row
              // biome-ignore lint/suspicious/noArrayIndexKey: a row has no other name while its name is typed.
              key={place}
              row={row}
              number={place + 1}
              change={(next) => put(rows.map((one, index) => (index === place ? next : one)))}
              remove={() => put(rows.filter((_, index) => index !== place))}
            />
          ))}
          <Button icon={<Plus aria-hidden className="size-4" />} onClick={() => put([...rows, newRow])}>
            {t('addField')}
          </Button>
        </>
      )}
    </fieldset>
  )
}

interface RowProps {
  readonly row: SchemaRow
  readonly number: number
  change(row: SchemaRow): void
  remove(): void
}

function Row({ row, number, change, remove }: RowProps) {
  const t = useWords(text)
  return (
    <div className="space-y-2 rounded-lg border border-line p-2">
      <div className="flex items-center gap-2">
        <TextField
          label={t('fieldName', { number })}
          bare
          className="flex-1"
          placeholder={t('name')}
          value={row.name}
          onChange={(event) => change({ ...row, name: event.target.value })}
        />
        <SelectField
          label={t('fieldType', { number })}
          bare
          className="w-28"
          value={row.type}
          onChange={(event) => change({ ...row, type: event.target.value as SchemaRow['type'] })}
        >
          {rowTypes.map((type) => (
            <option key={type} value={type}>
              {t(`type.${type}`)}
            </option>
          ))}
        </SelectField>
        <IconButton label={t('removeField', { number })} onClick={remove}>
          <X aria-hidden className="size-4" />
        </IconButton>
      </div>
      <TextField
        label={t('fieldDescription', { number })}
        bare
        placeholder={t('description')}
        value={row.description}
        onChange={(event) => change({ ...row, description: event.target.value })}
      />
      {row.type === 'string' && (
        <TextField
          label={t('fieldChoices', { number })}
          bare
          placeholder={t('choices')}
          value={row.choices}
          onChange={(event) => change({ ...row, choices: event.target.value })}
        />
      )}
      <CheckField
        label={t('required')}
        checked={row.required}
        onChange={(event) => change({ ...row, required: event.target.checked })}
      />
    </div>
  )
}
