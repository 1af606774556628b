// The tools that models may ask for: each a name, what it does, and the schema of its arguments.
import { Plus, X } from 'lucide-react'
import { useState } from 'react'
import { useWords } from '../../language/language.tsx'
import { Button, IconButton } from '../../parts/button.tsx'
import { TextArea, TextField } from '../../parts/field.tsx'
import { Form, FormDialog } from '../../parts/form.tsx'
import { SchemaEditor } from './schema-editor.tsx'
import { isSchema, parse } from './settings.ts'
import { text } from './text.ts'

/** A tool as the API takes it. */
export interface Tool {
  readonly type: 'function'
  readonly function: { readonly name: string; readonly description?: string; readonly parameters?: object }
}

/** The tools of a JSON text; undefined where it is no list of tools. */
export function readTools(json: string): readonly Tool[] | undefined {
  if (json.trim() === '') return []
  const value = parse(json)
  const isTool = (one: unknown): one is Tool => typeof (one as Partial<Tool> | null)?.function?.name === 'string'
  return Array.isArray(value) && value.every(isTool) ? value : undefined
}

interface ToolsEditorProps {
  /** JSON text. */
  readonly value: string
  readonly fault: string | undefined
  change(value: string): void
}

/** The list, and its JSON behind a click. */
export function ToolsEditor({ value, fault, change }: ToolsEditorProps) {
  const t = useWords(text)
  const tools = readTools(value)
  const put = (next: readonly Tool[]) => change(next.length === 0 ? '' : JSON.stringify(next, null, 2))
  return (
    <fieldset className="min-w-0 space-y-2">
      <legend className="text-sm font-medium">{t('tools')}</legend>
      <p className="text-xs text-muted">{t('toolsHint')}</p>
      {tools?.map((tool, place) => (
        <div key={tool.function.name} className="flex items-center gap-1">
          <FormDialog
            title={tool.function.name}
            trigger={
              <Button className="min-w-0 flex-1 justify-start">
                <span className="truncate">{tool.function.name}</span>
              </Button>
            }
            form={(close) => (
              <ToolForm
                tool={tool}
                close={close}
                done={(next) => put(tools.map((one, index) => (index === place ? next : one)))}
              />
            )}
          />
          <IconButton
            label={t('remove', { model: tool.function.name })}
            onClick={() => put(tools.filter((one) => one !== tool))}
          >
            <X aria-hidden className="size-4" />
          </IconButton>
        </div>
      ))}
      {tools !== undefined && (
        <FormDialog
          title={t('addTool')}
          trigger={<Button icon={<Plus aria-hidden className="size-4" />}>{t('addTool')}</Button>}
          form={(close) => <ToolForm close={close} done={(tool) => put([...tools, tool])} />}
        />
      )}
      <details open={tools === undefined}>
        <summary className="cursor-pointer text-xs text-muted">{t('asJson')}</summary>
        <TextArea
          label={t('toolsJson')}
          bare
          code
          rows={6}
          className="mt-2"
          fault={fault}
          value={value}
          onChange={(event) => change(event.target.value)}
        />
      </details>
    </fieldset>
  )
}

interface ToolFormProps {
  readonly tool?: Tool
  close(): void
  done(tool: Tool): void
}

const still = { isPending: false, error: null }

function ToolForm({ tool, close, done }: ToolFormProps) {
  const t = useWords(text)
  const [name, setName] = useState(tool?.function.name ?? '')
  const [description, setDescription] = useState(tool?.function.description ?? '')
  const [schema, setSchema] = useState(
    tool?.function.parameters === undefined ? '' : JSON.stringify(tool.function.parameters, null, 2),
  )
  const parameters = schema.trim() === '' ? { type: 'object', properties: {} } : parse(schema)
  const send = () => {
    const described = description.trim() === '' ? {} : { description: description.trim() }
    done({ type: 'function', function: { name: name.trim(), ...described, parameters: parameters as object } })
    close()
  }
  return (
    <Form
      act={t('take')}
      sending={still}
      send={send}
      ready={name.trim() !== '' && (schema.trim() === '' || isSchema(schema))}
    >
      <TextField
        label={t('name')}
        required
        pattern="[A-Za-z0-9_\-]{1,64}"
        spellCheck={false}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <TextField label={t('does')} value={description} onChange={(event) => setDescription(event.target.value)} />
      <SchemaEditor label={t('parameters')} value={schema} change={setSchema} />
    </Form>
  )
}
