// Writes the reference page of settings from their schema.
import { settingNames, settingSchema, variableName } from '../../src/base/config-schema.ts'
import { formatSetting } from '../../src/base/config-values.ts'

/** `docs/reference/config.md`. */
export function configPage(): string {
  const sections = settingNames.map((name) => {
    const schema = settingSchema(name)
    const facts = [
      `\`${variableName(name)}\``,
      `\`--${name}\``,
      schema.default === undefined ? 'not set by default' : `default \`${formatSetting(schema, schema.default)}\``,
      ...(schema.enum === undefined ? [] : [`one of ${schema.enum.map((choice) => `\`${choice}\``).join(', ')}`]),
      ...(schema.minimum === undefined
        ? []
        : [`from ${formatSetting(schema, schema.minimum)} to ${formatSetting(schema, schema.maximum)}`]),
      ...(schema.secret === true ? ['a secret: never shown'] : []),
    ]
    return `## \`${name}\`\n\n${schema.description}\n\n${facts.join(' · ')}\n`
  })
  return `# Settings

One name in all four places; the later one wins: default, \`galerne.yaml\` in the working folder (\`port: 7000\`), variable
(\`GALERNE_PORT=7000\`), flag (\`--port 7000\`). \`--config <file>\` or \`GALERNE_CONFIG\` names another file. A wrong setting is refused at
start, with its file and line, variable or flag; all faults are told at once. \`galerne config\` shows what is in force and where each
value comes from. Times are written \`500ms\`, \`30s\`, \`5m\` or \`1h\`, sizes \`512kb\` or \`32mb\`. A setting that can be given again is a list in
YAML and has commas in its variable.

${sections.join('\n')}`
}
