// The command line with all its subcommands. Runs nothing by itself.
import { Command } from 'commander'
import { version } from '../base/version.ts'
import { addBackupCommand } from './commands/backup.ts'
import { addChatCommand } from './commands/chat.ts'
import { addConfigCommand } from './commands/config.ts'
import { addDatabaseCommand } from './commands/database.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addListCommand } from './commands/list.ts'
import { addLoadCommands } from './commands/load.ts'
import { addMigrateCommand } from './commands/migrate.ts'
import { addModelsCommand } from './commands/models.ts'
import { addPlanCommand } from './commands/plan.ts'
import { addPsCommand } from './commands/ps.ts'
import { addPullCommand } from './commands/pull.ts'
import { addRestoreCommand } from './commands/restore.ts'
import { addRemoveCommands } from './commands/rm.ts'
import { addServeCommand } from './commands/serve.ts'
import { addShowCommand } from './commands/show.ts'
import { addVersionCommand } from './commands/version.ts'

/** The command line with all its subcommands, for running it and for the reference page. */
export function createProgram(): Command {
  const program = new Command('galerne')
    .description('Serves open-weight models on your own machine behind the OpenAI and Mistral APIs.')
    .version(version, '--version', 'Print the version.')
    .configureHelp({ helpWidth: 110 })
    .showHelpAfterError('Add --help for what the command takes.')
  addServeCommand(program)
  addChatCommand(program)
  addListCommand(program)
  addShowCommand(program)
  addPlanCommand(program)
  addPullCommand(program)
  addModelsCommand(program)
  addPsCommand(program)
  addLoadCommands(program)
  addRemoveCommands(program)
  addConfigCommand(program)
  addDoctorCommand(program)
  addMigrateCommand(program)
  addBackupCommand(program)
  addRestoreCommand(program)
  addDatabaseCommand(program)
  addVersionCommand(program)
  return program
}
