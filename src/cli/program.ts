// The command line with all its subcommands, each loaded when it is needed. Runs nothing by itself.
import { Command } from 'commander'
import { version } from '../base/version.ts'

type AddCommand = (program: Command) => void

/** Modules in the order of the help: the names that each adds, and how it is loaded. */
const modules: readonly (readonly [names: string, load: () => Promise<AddCommand>])[] = [
  ['serve', async () => (await import('./commands/serve.ts')).addServeCommand],
  ['chat', async () => (await import('./commands/chat.ts')).addChatCommand],
  ['batch', async () => (await import('./commands/batch.ts')).addBatchCommand],
  ['list', async () => (await import('./commands/list.ts')).addListCommand],
  ['show', async () => (await import('./commands/show.ts')).addShowCommand],
  ['plan', async () => (await import('./commands/plan.ts')).addPlanCommand],
  ['pull', async () => (await import('./commands/pull.ts')).addPullCommand],
  ['quantize', async () => (await import('./commands/quantize.ts')).addQuantizeCommand],
  ['models', async () => (await import('./commands/models.ts')).addModelsCommand],
  ['adapters', async () => (await import('./commands/adapters.ts')).addAdaptersCommand],
  ['ps', async () => (await import('./commands/ps.ts')).addPsCommand],
  ['load unload pin', async () => (await import('./commands/load.ts')).addLoadCommands],
  ['alias', async () => (await import('./commands/alias.ts')).addAliasCommand],
  ['rm prune', async () => (await import('./commands/rm.ts')).addRemoveCommands],
  ['keys', async () => (await import('./commands/keys.ts')).addKeysCommand],
  ['workspaces', async () => (await import('./commands/workspaces.ts')).addWorkspacesCommand],
  ['members', async () => (await import('./commands/members.ts')).addMembersCommand],
  ['audit', async () => (await import('./commands/audit.ts')).addAuditCommand],
  ['usage', async () => (await import('./commands/usage.ts')).addUsageCommand],
  ['prices', async () => (await import('./commands/prices.ts')).addPricesCommand],
  ['reprice', async () => (await import('./commands/reprice.ts')).addRepriceCommand],
  ['config', async () => (await import('./commands/config.ts')).addConfigCommand],
  ['doctor', async () => (await import('./commands/doctor.ts')).addDoctorCommand],
  ['migrate', async () => (await import('./commands/migrate.ts')).addMigrateCommand],
  ['backup', async () => (await import('./commands/backup.ts')).addBackupCommand],
  ['restore', async () => (await import('./commands/restore.ts')).addRestoreCommand],
  ['limits', async () => (await import('./commands/limits.ts')).addLimitsCommand],
  ['budget', async () => (await import('./commands/budget.ts')).addBudgetCommand],
  ['database', async () => (await import('./commands/database.ts')).addDatabaseCommand],
  ['version', async () => (await import('./commands/version.ts')).addVersionCommand],
]

/**
 * The command line, for running it and for the reference page. `asked` is what the command line begins with: the name of a command loads
 * that one alone, so that none waits for the others' modules; anything else loads all.
 */
export async function createProgram(asked?: string): Promise<Command> {
  const program = new Command('galerne')
    .description('Serves open-weight models on your own machine behind the OpenAI and Mistral APIs.')
    .version(version, '--version', 'Print the version.')
    // Sources break descriptions where their lines end; a terminal breaks them where it ends.
    .configureHelp({
      helpWidth: 110,
      commandDescription: (command) => command.description().replace(/(?<!\n)\n(?!\n)/g, ' '),
    })
    // An option belongs to the command that it stands behind: `usage` has some, and so has `usage reconcile`.
    .enablePositionalOptions()
    .showHelpAfterError('Add --help for what the command takes.')
  const wanted = modules.filter(([names]) => names.split(' ').includes(asked ?? ''))
  for (const [, load] of wanted.length > 0 ? wanted : modules) (await load())(program)
  return program
}
