// Reads what the address of the playground says it begins with.
import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import type { Static } from 'typebox'
import type { WholeTraceObject } from '../../../../src/wire/observability.ts'
import type { PromptObject } from '../../../../src/wire/prompts.ts'
import type { OpenShareObject } from '../../../../src/wire/shares.ts'
import { call } from '../../server/client.ts'
import { emptyOpening, type Opening, openingOfShare, openingOfTrace } from './opening.ts'
import { usualSettings } from './settings.ts'

/** What may stand in the address. */
interface Address {
  /** Id of a share. */
  readonly share?: string
  /** Id of a trace whose last question is asked again. */
  readonly trace?: string
  /** Name of a prompt, and perhaps a version of it. */
  readonly prompt?: string
  readonly version?: string
  readonly model?: string
}

/** `missing`: what was to be opened is not kept. */
export type Opened = Opening | 'missing'

/** The beginning, once it is known. */
export function useOpening(models: readonly string[]) {
  const address = useSearch({ strict: false }) as Address
  return useQuery({
    queryKey: ['opening', address],
    staleTime: Number.POSITIVE_INFINITY,
    // Read anew by the next visit: somebody may have ended the share.
    gcTime: 0,
    queryFn: ({ signal }) => openingOf(address, models, signal),
  })
}

async function openingOf(address: Address, models: readonly string[], signal: AbortSignal): Promise<Opened> {
  const { share, trace, prompt, version, model } = address
  if (share !== undefined) {
    const path = `/galerne/v1/shares/${encodeURIComponent(share)}`
    const { content } = await call<Static<typeof OpenShareObject>>(path, { signal })
    return openingOfShare(content) ?? 'missing'
  }
  if (trace !== undefined) {
    const path = `/galerne/v1/traces/${encodeURIComponent(trace)}`
    return openingOfTrace(await call<Static<typeof WholeTraceObject>>(path, { signal }), models) ?? 'missing'
  }
  const columns = model !== undefined && models.includes(model) ? [{ id: crypto.randomUUID(), model }] : []
  if (prompt === undefined) return { ...emptyOpening, conversation: { columns, turns: [] } }
  const path = `/v2/prompts/${encodeURIComponent(prompt)}${version === undefined ? '' : `?version=${encodeURIComponent(version)}`}`
  const found = await call<Static<typeof PromptObject>>(path, { signal })
  const variables = Object.fromEntries(found.definition.variables.map(({ name }) => [name, '']))
  const named = { prompt: found.name, promptVersion: String(found.version), variables: JSON.stringify(variables) }
  return { ...emptyOpening, conversation: { columns, turns: [] }, settings: { ...usualSettings, ...named } }
}
