// Turns the schema of settings into command-line flags, and a command's flags into a loaded config.
import { type Command, Option } from 'commander'
import { type LoadedConfig, loadConfig } from '../base/config.ts'
import { type SettingName, type SettingSchema, settingNames, settingSchema } from '../base/config-schema.ts'
import { formatSetting } from '../base/config-values.ts'

/** Adds one flag per setting, in the order of the schema; `names` picks some. */
export function addSettings(command: Command, names: readonly SettingName[] = settingNames): Command {
  command.option('--config <file>', 'File with settings; galerne.yaml in this folder without it.')
  for (const name of names) command.addOption(settingFlag(name, settingSchema(name)))
  return command
}

/** Adds `--json`, which every command has. */
export function addJson(command: Command): Command {
  return command.option('--json', 'Print JSON, for programs.')
}

/** Loads the config with the settings among a command's parsed options as the last word. */
export function configFrom(options: Readonly<Record<string, unknown>>): LoadedConfig {
  const flags: Record<string, unknown> = {}
  for (const name of settingNames) {
    const given = options[camel(name)]
    if (given !== undefined) flags[name] = given
  }
  const file = options['config']
  return loadConfig({ flags, ...(typeof file === 'string' && { file }) })
}

function settingFlag(name: SettingName, schema: SettingSchema): Option {
  const fallback = schema.default === undefined ? '' : formatSetting(schema, schema.default)
  const choices = schema.enum === undefined ? '' : ` One of: ${schema.enum.join(', ')}.`
  const shown = fallback === '' ? '' : ` (default: ${fallback})`
  const option = new Option(`--${name} <${placeholder(schema)}>`, `${schema.description}${choices}${shown}`)
  // Values stay text: the config checks flags, variables and the file by the same rules and reports all faults at once.
  if (schema.type === 'array') option.argParser((value: string, before?: string[]) => [...(before ?? []), value])
  return option
}

function placeholder(schema: SettingSchema): string {
  if (schema.unit === 'duration') return 'time'
  if (schema.unit !== undefined) return schema.unit
  if (schema.type === 'integer') return 'number'
  return schema.enum === undefined ? 'text' : 'choice'
}

/** Commander's own name for the option's value. */
function camel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
