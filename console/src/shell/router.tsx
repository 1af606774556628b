// The addresses of the console. Every page stands in `pages.ts`; this file only hangs them into the shell.
import { createRootRoute, createRoute, createRouter, Link } from '@tanstack/react-router'
import { useWords } from '../language/language.tsx'
import { Empty, Loading, Problem } from '../parts/states.tsx'
import { pages } from './pages.ts'
import { readSearch, writeSearch } from './search.ts'
import { Shell } from './shell.tsx'
import { text } from './text.ts'

function Lost() {
  const t = useWords(text)
  return (
    <Empty page title={t('lost')} hint={t('lostHint')}>
      <Link to="/" className="text-accent underline">
        {t('home')}
      </Link>
    </Empty>
  )
}

const root = createRootRoute({ component: Shell, notFoundComponent: Lost })

const routes = pages.map((page) =>
  createRoute({
    getParentRoute: () => root,
    path: page.path,
    component: page.component,
    staticData: { needs: page.needs },
  }),
)

/** The router of the whole console. */
export const router = createRouter({
  routeTree: root.addChildren(routes),
  // Addresses that people write by hand are read as they stand: a number in them is a text, too.
  parseSearch: readSearch,
  stringifySearch: writeSearch,
  defaultPreload: 'intent',
  defaultPendingComponent: Loading,
  defaultErrorComponent: ({ error, reset }) => <Problem page error={error} retry={reset} />,
})
