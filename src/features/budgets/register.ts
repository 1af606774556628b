// All routes of limits and budgets: our own, Mistral's and OpenAI's.
import type { Server } from '../../wire/exchange.ts'
import type { Acts } from '../audit/acts.ts'
import { registerProjectRateLimits } from '../limits/openai-routes.ts'
import { registerLimits } from '../limits/routes.ts'
import type { Money } from './open.ts'
import { registerSpendLimits } from './openai-routes.ts'
import { registerBudgets } from './routes.ts'

/** Adds them. */
export function registerMoney(
  server: Server,
  { acts, money, models }: { readonly acts: Acts; readonly money: Money; models(): readonly string[] },
): void {
  const { policy } = money.limits
  const { currency, ways } = money
  registerLimits(server, { acts, policy, currency, models })
  registerProjectRateLimits(server, { acts, policy, currency, models })
  registerBudgets(server, { acts, policy, currency, ways })
  registerSpendLimits(server, { acts, policy, currency, ways })
}
