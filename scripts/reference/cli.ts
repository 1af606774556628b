// Writes the reference page of the command line from the commands' own help.
import type { Command } from 'commander'
import { createProgram } from '../../src/cli/program.ts'

/** `docs/reference/cli.md`. */
export async function cliPage(): Promise<string> {
  const program = await createProgram()
  const pages = withCommands(program).map(section)
  return `# Command line

In a checkout the command is \`npx galerne\`, or \`npm start --\` for \`galerne serve\`. Exit codes: 0 done, 1 something failed, 2 the settings
or the command line are wrong.

${pages.join('\n')}`
}

/** A command, and the commands under it. */
function withCommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withCommands)]
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`
}

function section(command: Command): string {
  const name = fullName(command)
  return `## \`${name}\`\n\n\`\`\`\n${command.helpInformation().trimEnd()}\n\`\`\`\n`
}
