// Prompts, their versions and aliases in the database. A version never changes; an alias points to one.
import type { Clock } from '../../base/clock.ts'
import { fail } from '../../base/errors.ts'
import { newId } from '../../base/ids.ts'
import type { Database } from '../../database/connect.ts'
import { forUpdate, lockTable } from '../../database/dialect.ts'
import type { Row } from '../../database/tables.ts'

/** What a version says. */
export interface Definition {
  readonly content: string
  readonly variables: readonly string[]
}

/** A prompt with one version and the labels of that version. */
export interface PromptVersion {
  readonly prompt: Row<'prompts'>
  readonly version: Row<'prompt_versions'>
  readonly aliases: readonly string[]
}

/** Which version is meant; neither: the latest. */
export interface VersionChoice {
  readonly version?: number
  readonly alias?: string
}

/** Who asks: a private prompt is its owner's. */
export interface PromptReader {
  readonly workspace: string
  readonly owner: string
}

/** What a new prompt is to be. */
export interface NewPrompt {
  readonly name: string
  readonly title: string | null
  readonly description: string | null
  readonly sharing: 'private' | 'workspace'
  readonly definition: Definition
  readonly notes: string | null
  readonly aliases: readonly string[]
}

/** The queries on prompts. `id` is an id or a name. */
export interface PromptStore {
  /** Throws `name_taken` where the workspace has one of that name. */
  create(reader: PromptReader, prompt: NewPrompt): Promise<PromptVersion>
  /** Throws `not_found` where there is none, or no such version. */
  find(reader: PromptReader, id: string, choice?: VersionChoice): Promise<PromptVersion>
  list(
    reader: PromptReader,
    page: { readonly after?: string; readonly limit: number; readonly alias?: string },
  ): Promise<readonly PromptVersion[]>
  update(
    reader: PromptReader,
    id: string,
    changes: Partial<Pick<NewPrompt, 'title' | 'description' | 'sharing'>>,
  ): Promise<PromptVersion>
  remove(reader: PromptReader, id: string): Promise<void>
  /** The newest first; those before `before`, the number of a version. */
  versions(
    reader: PromptReader,
    id: string,
    page?: { readonly before?: number | undefined; readonly limit: number },
  ): Promise<readonly Omit<PromptVersion, 'prompt'>[]>
  /** Adds a version, unless the latest says the same. */
  addVersion(
    reader: PromptReader,
    id: string,
    version: Pick<NewPrompt, 'definition' | 'notes' | 'aliases'>,
  ): Promise<{ readonly version: number; readonly deduplicated: boolean }>
  /** Changes notes and, where given, the labels of a version. */
  updateVersion(
    reader: PromptReader,
    id: string,
    version: number,
    changes: { readonly notes?: string | null; readonly aliases?: readonly string[] },
  ): Promise<PromptVersion>
}

type Query = Database['query']

/** The store over an open database. */
export function promptStore({ query, dialect }: Pick<Database, 'query' | 'dialect'>, clock: Clock): PromptStore {
  const prompt = (within: Query, reader: PromptReader, id: string) => findPrompt(within, reader, id)
  return {
    async create(reader, wanted) {
      return await query.transaction().execute(async (within) => {
        await lockTable(dialect, within, 'prompts')
        const taken = await within
          .selectFrom('prompts')
          .select('id')
          .where('workspace', '=', reader.workspace)
          .where('name', '=', wanted.name)
          .executeTakeFirst()
        if (taken !== undefined) throw fail('name_taken', { what: 'prompt', name: wanted.name, param: 'name' })
        const now = clock.now()
        const { name, title, description, sharing } = wanted
        const row = {
          id: newId('prompt', clock),
          workspace: reader.workspace,
          owner: reader.owner,
          name,
          title,
          description,
          sharing,
        }
        const times = { latest_version: 1, created_at: now, updated_at: now }
        await within
          .insertInto('prompts')
          .values({ ...row, ...times })
          .execute()
        await writeVersion(within, row.id, 1, reader.owner, wanted, now)
        return await versionOf(within, { ...row, ...times }, {})
      })
    },
    find: async (reader, id, choice = {}) => await versionOf(query, await prompt(query, reader, id), choice),
    async list(reader, { after, limit, alias }) {
      let select = visible(query, reader)
        .selectAll('prompts')
        .orderBy('prompts.created_at', 'desc')
        .orderBy('prompts.id', 'desc')
      if (after !== undefined) select = select.where('prompts.id', '<', after)
      if (alias !== undefined) {
        select = select.where(({ exists, selectFrom }) =>
          exists(
            selectFrom('prompt_aliases')
              .select('version')
              .whereRef('prompt_aliases.prompt', '=', 'prompts.id')
              .where('alias', '=', alias),
          ),
        )
      }
      const rows = await select.limit(limit).execute()
      return await Promise.all(rows.map((row) => versionOf(query, row, alias === undefined ? {} : { alias })))
    },
    async update(reader, id, changes) {
      const found = await prompt(query, reader, id)
      const row = await query
        .updateTable('prompts')
        .set({ ...changes, updated_at: clock.now() })
        .where('id', '=', found.id)
        .returningAll()
        .executeTakeFirstOrThrow()
      return await versionOf(query, row, {})
    },
    async remove(reader, id) {
      const found = await prompt(query, reader, id)
      await query.transaction().execute(async (within) => {
        await within.deleteFrom('prompt_aliases').where('prompt', '=', found.id).execute()
        await within.deleteFrom('prompt_versions').where('prompt', '=', found.id).execute()
        await within.deleteFrom('prompts').where('id', '=', found.id).execute()
      })
    },
    async versions(reader, id, page) {
      const found = await prompt(query, reader, id)
      let select = query
        .selectFrom('prompt_versions')
        .selectAll()
        .where('prompt', '=', found.id)
        .orderBy('version', 'desc')
      if (page !== undefined) select = select.limit(page.limit)
      if (page?.before !== undefined) select = select.where('version', '<', page.before)
      const rows = await select.execute()
      const labels = await query.selectFrom('prompt_aliases').selectAll().where('prompt', '=', found.id).execute()
      return rows.map((version) => ({
        version,
        aliases: labels
          .filter((label) => label.version === version.version)
          .map((label) => label.alias)
          .sort(),
      }))
    },
    async addVersion(reader, id, wanted) {
      return await query.transaction().execute(async (within) => {
        const found = await prompt(within, reader, id)
        const locked = await forUpdate(
          dialect,
          within.selectFrom('prompts').select('latest_version').where('id', '=', found.id),
        ).executeTakeFirstOrThrow()
        const latest = await versionOf(within, { ...found, ...locked }, {})
        const same =
          latest.version.content === wanted.definition.content &&
          latest.version.variables === JSON.stringify(wanted.definition.variables)
        if (same) {
          await point(within, found.id, locked.latest_version, wanted.aliases)
          return { version: locked.latest_version, deduplicated: true }
        }
        const version = locked.latest_version + 1
        await writeVersion(within, found.id, version, reader.owner, wanted, clock.now())
        await within
          .updateTable('prompts')
          .set({ latest_version: version, updated_at: clock.now() })
          .where('id', '=', found.id)
          .execute()
        return { version, deduplicated: false }
      })
    },
    async updateVersion(reader, id, version, { notes, aliases }) {
      return await query.transaction().execute(async (within) => {
        const found = await prompt(within, reader, id)
        await versionOf(within, found, { version })
        if (notes !== undefined) {
          await within
            .updateTable('prompt_versions')
            .set({ notes })
            .where('prompt', '=', found.id)
            .where('version', '=', version)
            .execute()
        }
        if (aliases !== undefined) {
          await within
            .deleteFrom('prompt_aliases')
            .where('prompt', '=', found.id)
            .where('version', '=', version)
            .execute()
          await point(within, found.id, version, aliases)
        }
        return await versionOf(within, found, { version })
      })
    },
  }
}

/** Prompts that the reader may see. */
function visible(query: Query, { workspace, owner }: PromptReader) {
  return query
    .selectFrom('prompts')
    .where('workspace', '=', workspace)
    .where(({ or, eb }) => or([eb('sharing', '=', 'workspace'), eb('owner', '=', owner)]))
}

async function findPrompt(query: Query, reader: PromptReader, id: string): Promise<Row<'prompts'>> {
  const row = await visible(query, reader)
    .selectAll()
    .where(({ or, eb }) => or([eb('id', '=', id), eb('name', '=', id)]))
    .executeTakeFirst()
  if (row === undefined) throw fail('not_found', { what: 'prompt', id: id.slice(0, 200), param: 'prompt' })
  return row
}

async function versionOf(query: Query, prompt: Row<'prompts'>, choice: VersionChoice): Promise<PromptVersion> {
  const number =
    choice.alias === undefined ? (choice.version ?? prompt.latest_version) : await aliased(query, prompt, choice.alias)
  const version = await query
    .selectFrom('prompt_versions')
    .selectAll()
    .where('prompt', '=', prompt.id)
    .where('version', '=', number)
    .executeTakeFirst()
  if (version === undefined)
    throw fail('not_found', { what: `version of the prompt ${prompt.name}`, id: String(number), param: 'version' })
  const labels = await query
    .selectFrom('prompt_aliases')
    .select('alias')
    .where('prompt', '=', prompt.id)
    .where('version', '=', number)
    .orderBy('alias')
    .execute()
  return { prompt, version, aliases: labels.map((label) => label.alias) }
}

async function aliased(query: Query, prompt: Row<'prompts'>, alias: string): Promise<number> {
  const row = await query
    .selectFrom('prompt_aliases')
    .select('version')
    .where('prompt', '=', prompt.id)
    .where('alias', '=', alias)
    .executeTakeFirst()
  if (row === undefined)
    throw fail('not_found', { what: `alias of the prompt ${prompt.name}`, id: alias.slice(0, 64), param: 'version' })
  return row.version
}

async function writeVersion(
  within: Query,
  prompt: string,
  version: number,
  owner: string,
  { definition, notes, aliases }: Pick<NewPrompt, 'definition' | 'notes' | 'aliases'>,
  now: number,
): Promise<void> {
  const { content, variables } = definition
  const row = {
    prompt,
    version,
    content,
    variables: JSON.stringify(variables),
    notes,
    created_by: owner,
    created_at: now,
  }
  await within.insertInto('prompt_versions').values(row).execute()
  await point(within, prompt, version, aliases)
}

/** Labels point to one version at a time. */
async function point(within: Query, prompt: string, version: number, aliases: readonly string[]): Promise<void> {
  for (const alias of new Set(aliases)) {
    await within
      .insertInto('prompt_aliases')
      .values({ prompt, alias, version })
      .onConflict((conflict) => conflict.columns(['prompt', 'alias']).doUpdateSet({ version }))
      .execute()
  }
}
