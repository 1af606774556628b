// What can be set for the answers: system prompt, sampling, tools, schema.
import { useWords } from '../../language/language.tsx'
import { CheckField, TextArea, TextField } from '../../parts/field.tsx'
import { Panel } from '../../parts/panel.tsx'
import { faultOf, type Settings } from './settings.ts'
import { text } from './text.ts'

interface SettingsPanelProps {
  readonly settings: Settings
  change(settings: Settings): void
}

/** The panel beside the conversation. */
export function SettingsPanel({ settings, change }: SettingsPanelProps) {
  const t = useWords(text)
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
        <TextArea
          label={t('system')}
          hint={t('systemHint')}
          rows={3}
          value={settings.system}
          onChange={(event) => change({ ...settings, system: event.target.value })}
        />
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
        <TextArea
          label={t('tools')}
          hint={t('toolsHint')}
          fault={fault === 'tools' ? t('faultTools') : undefined}
          rows={3}
          spellCheck={false}
          value={settings.tools}
          onChange={(event) => change({ ...settings, tools: event.target.value })}
        />
        <TextArea
          label={t('schema')}
          hint={t('schemaHint')}
          fault={fault === 'schema' ? t('faultSchema') : undefined}
          rows={3}
          spellCheck={false}
          value={settings.schema}
          onChange={(event) => change({ ...settings, schema: event.target.value })}
        />
      </div>
    </Panel>
  )
}
