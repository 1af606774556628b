// The command line with all its subcommands. Runs nothing by itself.
import { Command } from 'commander'
import { addChatCommand } from './commands/chat.ts'
import { addConfigCommand } from './commands/config.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addVersionCommand, productVersion } from './commands/version.ts'

/** The command line with all its subcommands, for running it and for the reference page. */
export function createProgram(): Command {
  const program = new Command('galerne')
    .description('Serves open-weight models on your own machine behind the OpenAI and Mistral APIs.')
    .version(productVersion(), '--version', 'Print the version.')
    .configureHelp({ helpWidth: 110 })
    .showHelpAfterError('Add --help for what the command takes.')
  addChatCommand(program)
  addConfigCommand(program)
  addDoctorCommand(program)
  addVersionCommand(program)
  return program
}
