// Puts the console into the page.
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { LanguageProvider } from './language/language.tsx'
import { Invitation, invitationSecret } from './pages/invitation/invitation.tsx'
import { SignIn } from './pages/sign-in/sign-in.tsx'
import { ServerError } from './server/client.ts'
import { SessionProvider } from './server/session.tsx'
import { router } from './shell/router.tsx'
import './style.css'

const queries = new QueryClient({
  queryCache: new QueryCache({
    // A session that ended is found out by whatever is asked next.
    onError(error, { queryKey }) {
      const hasEnded = error instanceof ServerError && error.status === 401 && queryKey[0] !== 'session'
      if (hasEnded) void queries.invalidateQueries({ queryKey: ['session'] })
    },
  }),
  defaultOptions: {
    queries: {
      // The server's refusals stay refusals; only what may pass by itself is tried again.
      retry: (failures, error) => failures < 2 && !(error instanceof ServerError && error.status < 500),
      staleTime: 5_000,
    },
  },
})

const secret = invitationSecret(location.pathname)
const place = document.getElementById('root')
if (place !== null) {
  createRoot(place).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <LanguageProvider>
          {secret === undefined ? (
            <SessionProvider signIn={<SignIn />}>
              <RouterProvider router={router} />
            </SessionProvider>
          ) : (
            <Invitation secret={secret} />
          )}
        </LanguageProvider>
      </QueryClientProvider>
    </StrictMode>,
  )
}
