// Prompts in the shape of Mistral's API. Pure.
import type { Static } from 'typebox'
import type { PromptObject, PromptVersionObject } from '../../wire/prompts.ts'
import type { PromptVersion } from './store.ts'

const date = (milliseconds: number) => new Date(milliseconds).toISOString()

/** One version as the API shows it. */
export function promptVersionObject({
  version,
  aliases,
}: Omit<PromptVersion, 'prompt'>): Static<typeof PromptVersionObject> {
  const variables = JSON.parse(version.variables) as readonly string[]
  return {
    version: version.version,
    definition: { content: version.content, variables: variables.map((name) => ({ name })) },
    ...(version.notes !== null && { notes: version.notes }),
    aliases: [...aliases],
    createdAt: date(version.created_at),
  }
}

/** A prompt with one version as the API shows it. */
export function promptObject(found: PromptVersion): Static<typeof PromptObject> {
  const { prompt } = found
  const { createdAt, ...version } = promptVersionObject(found)
  return {
    id: prompt.id,
    name: prompt.name,
    ...(prompt.title !== null && { title: prompt.title }),
    ...(prompt.description !== null && { description: prompt.description }),
    ...version,
    latestVersion: prompt.latest_version,
    sharingScope: prompt.sharing,
    createdBy: prompt.owner,
    createdAt: date(prompt.created_at),
    updatedAt: date(prompt.updated_at),
    versionCreatedAt: createdAt,
  }
}
