// Who is signed in, in which workspace they work, and what they may do there. Everything below it may count on somebody being there.
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { createContext, type ReactNode, useContext, useMemo } from 'react'
import type { Static } from 'typebox'
import type { Permission } from '../../../src/wire/permissions.ts'
import type { SessionObject } from '../../../src/wire/sessions.ts'
import { Loading, Problem } from '../parts/states.tsx'
import { call, keepSession, keptWorkspace, ServerError, send } from './client.ts'

/** The session as the server tells it. */
export type Session = Static<typeof SessionObject>

interface SignedIn {
  readonly session: Session
  may(permission: Permission): boolean
  chooseWorkspace(id: string): void
  signOut(): Promise<void>
}

const SessionContext = createContext<SignedIn | undefined>(undefined)
const place = 'galerne-workspace'

/** Shows `signIn` until somebody is signed in, then its children. */
export function SessionProvider({ children, signIn }: { readonly children: ReactNode; readonly signIn: ReactNode }) {
  const queries = useQueryClient()
  const session = useQuery({
    queryKey: ['session'],
    staleTime: 60_000,
    async queryFn({ signal }) {
      const workspace = keptWorkspace() ?? localStorage.getItem(place) ?? undefined
      const found = await readSession(workspace, signal)
      keepSession({ csrf: found.csrf_token, workspace: found.user === null ? undefined : found.workspace })
      return found
    },
  })
  const { data } = session
  const signedIn = useMemo<SignedIn | undefined>(() => {
    if (data === undefined) return undefined
    const here = data.workspaces.find(({ id }) => id === data.workspace)
    return {
      session: data,
      may: (permission) => here?.permissions.includes(permission) === true,
      chooseWorkspace(id) {
        localStorage.setItem(place, id)
        keepSession({ csrf: data.csrf_token, workspace: id })
        // First who one is there, then everything on the page: it is of the workspace that was left.
        void queries
          .refetchQueries({ queryKey: ['session'] })
          .then(() => queries.resetQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' }))
      },
      async signOut() {
        await send('/galerne/v1/session', { method: 'DELETE' })
        keepSession({ csrf: undefined, workspace: undefined })
        queries.clear()
        location.assign('/')
      },
    }
  }, [data, queries])
  if (session.isPending) return <Loading />
  if (session.error instanceof ServerError && session.error.status === 401) return signIn
  if (signedIn !== undefined) return <SessionContext value={signedIn}>{children}</SessionContext>
  return <Problem page error={session.error} retry={() => void session.refetch()} />
}

/** Reads it; a workspace that is no longer there is forgotten. */
async function readSession(workspace: string | undefined, signal: AbortSignal): Promise<Session> {
  keepSession({ csrf: undefined, workspace })
  try {
    return await call<Session>('/galerne/v1/session', { signal })
  } catch (error) {
    if (!(error instanceof ServerError) || error.status !== 404 || workspace === undefined) throw error
    localStorage.removeItem(place)
    keepSession({ csrf: undefined, workspace: undefined })
    return await call<Session>('/galerne/v1/session', { signal })
  }
}

/** Who is signed in. */
export function useSession(): SignedIn {
  const signedIn = useContext(SessionContext)
  if (signedIn === undefined) throw new Error('nobody is signed in here')
  return signedIn
}
