// The models that this server has, as its own API lists them.
import { useQuery } from '@tanstack/react-query'
import type { Static } from 'typebox'
import type { ModelList } from '../../../src/wire/models.ts'
import { call } from './client.ts'

/** `GET /v1/models`. */
export function useModels() {
  return useQuery({
    queryKey: ['models'],
    queryFn: ({ signal }) => call<Static<typeof ModelList>>('/v1/models', { signal }),
  })
}
