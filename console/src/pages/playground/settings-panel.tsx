// What can be set for the answers: system prompt or a stored one, sampling, tools, schema.
import { useWords } from '../../language/language.tsx'
import { Button } from '../../parts/button.tsx'
import { CheckField, SelectField, TextArea, TextField } from '../../parts/field.tsx'
import { Panel } from '../../parts/panel.tsx'
import { useSession } from '../../server/session.tsx'
import { SavePrompt } from './save-prompt.tsx'
import { SchemaEditor } from './schema-editor.tsx'
import { faultOf, type Settings, variablesOf } from './settings.ts'
import { text } from './text.ts'
import { ToolsEditor } from './tools-editor.tsx'

interface SettingsPanelProps {
  readonly settings: Settings
  change(settings: Settings): void
}

/** The panel beside the conversation. */
export function SettingsPanel({ settings, change }: SettingsPanelProps) {
  const t = useWords(text)
  const { may } = useSession()
  const fault = faultOf(settings)
  const number = (
    name: 'temperature' | 'topP' | 'maxTokens' | 'seed',
    range: { min?: number; max?: number; step?: number },
  ) => (
    <TextField
      label={t(name)}
      type="number"
      inputMode="decimal"
      placeholder={t('default')}
      value={settings[name]}
      onChange={(event) => change({ ...settings, [name]: event.target.value })}
      {...range}
    />
  )
  return (
    <Panel title={t('settings')}>
      <div className="space-y-4 p-4">
        {settings.prompt !== '' && <StoredPrompt settings={settings} change={change} />}
        <TextArea
          label={t('system')}
          hint={t('systemHint')}
          rows={3}
          value={settings.system}
          onChange={(event) => change({ ...settings, system: event.target.value })}
        />
        {may('prompts.write') && <SavePrompt content={settings.system} />}
        <div className="grid grid-cols-2 gap-3">
          {number('temperature', { min: 0, max: 2, step: 0.1 })}
          {number('topP', { min: 0, max: 1, step: 0.05 })}
          {number('maxTokens', { min: 1, step: 1 })}
          {number('seed', { min: 0, step: 1 })}
        </div>
        <CheckField
          label={t('logprobs')}
          checked={settings.logprobs}
          onChange={(event) => change({ ...settings, logprobs: event.target.checked })}
        />
        <ToolsEditor
          fault={fault === 'tools' ? t('faultTools') : undefined}
          value={settings.tools}
          change={(tools) => change({ ...settings, tools })}
        />
        {settings.tools.trim() !== '' && (
          <SelectField
            label={t('toolChoice')}
            value={settings.toolChoice}
            onChange={(event) => change({ ...settings, toolChoice: event.target.value })}
          >
            <option value="">{t('choice.auto')}</option>
            <option value="required">{t('choice.required')}</option>
            <option value="none">{t('choice.none')}</option>
          </SelectField>
        )}
        <SchemaEditor
          label={t('schema')}
          value={settings.schema}
          change={(schema) => change({ ...settings, schema })}
        />
      </div>
    </Panel>
  )
}

/** A prompt that is kept here, with its variables to be filled in. */
function StoredPrompt({ settings, change }: SettingsPanelProps) {
  const t = useWords(text)
  const variables = variablesOf(settings)
  const put = (name: string, value: string) =>
    change({ ...settings, variables: JSON.stringify({ ...variables, [name]: value }) })
  return (
    <fieldset className="space-y-3 rounded-lg border border-line bg-accent-soft p-3">
      <legend className="sr-only">{t('storedPrompt')}</legend>
      <div className="flex items-center justify-between gap-2">
        <p className="min-w-0 text-sm font-medium break-all">
          {t('promptVersion', { name: settings.prompt, version: settings.promptVersion })}
        </p>
        <Button onClick={() => change({ ...settings, prompt: '', promptVersion: '', variables: '' })}>
          {t('without')}
        </Button>
      </div>
      {Object.entries(variables).map(([name, value]) => (
        <TextArea key={name} label={name} rows={1} value={value} onChange={(event) => put(name, event.target.value)} />
      ))}
    </fieldset>
  )
}
