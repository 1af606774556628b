// The tables of prompts as Kysely sees them. Times are integer milliseconds since 1970.

/** A prompt: a name for versions of a template. */
export interface PromptsTable {
  id: string
  workspace: string
  /** Unique in its workspace. */
  name: string
  title: string | null
  description: string | null
  /** `private`: for its owner alone. */
  sharing: 'private' | 'workspace'
  /** Id of the person, or of the key where there is none behind it. */
  owner: string
  latest_version: number
  created_at: number
  updated_at: number
}

/** One version; it never changes but for its notes. */
export interface PromptVersionsTable {
  prompt: string
  version: number
  /** A Jinja template. */
  content: string
  /** JSON list of the names that it is filled with. */
  variables: string
  notes: string | null
  created_by: string
  created_at: number
}

/** A label that points to one version, `production` for instance. */
export interface PromptAliasesTable {
  prompt: string
  alias: string
  version: number
}

/** The tables of prompts. */
export interface PromptTables {
  prompts: PromptsTable
  prompt_versions: PromptVersionsTable
  prompt_aliases: PromptAliasesTable
}
