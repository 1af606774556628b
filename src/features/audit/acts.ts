// Runs administrative acts: the change, its entry in the audit log and the news for other nodes, in one transaction. Knows no act by name.

import type { Kysely } from 'kysely'
import type { Clock } from '../../base/clock.ts'
import type { Database } from '../../database/connect.ts'
import type { Notices } from '../../database/notices.ts'
import type { Tables } from '../../database/tables.ts'
import { type Act, type Actor, record } from './record.ts'

/** Told to every node after an act: what was read of keys, people and workspaces may be old. The payload is the action. */
export const actsChannel = 'acts'

/** Notes what was done; it is written when the act is complete. */
export type Note = (act: Omit<Act, 'at' | 'actor'>) => void

/** The one way to change what the audit log watches. */
export interface Acts {
  readonly database: Database
  readonly clock: Clock
  /**
   * Runs `work` in a transaction. What it notes is recorded as its last statements and told to the other nodes when it commits; where it
   * throws, nothing of it stays. Work that changed nothing notes nothing.
   */
  run<Result>(actor: Actor, work: (transaction: Kysely<Tables>, note: Note) => Promise<Result>): Promise<Result>
}

/**
 * Acts over a database. Without `notices` (a start, before there are other nodes to tell) nobody is told. `done` is called before the act
 * answers: on this node it counts from the next request on, and does not wait for its own notice to come round.
 */
export function createActs(
  database: Database,
  clock: Clock,
  notices?: Pick<Notices, 'publish'>,
  done?: () => void,
): Acts {
  return {
    database,
    clock,
    async run(actor, work) {
      const noted: Omit<Act, 'at' | 'actor'>[] = []
      const answer = await database.query.transaction().execute(async (transaction) => {
        const result = await work(transaction, (act) => void noted.push(act))
        for (const act of noted) {
          await record(transaction, { ...act, at: clock.now(), actor })
          await notices?.publish(actsChannel, act.action, { within: transaction })
        }
        return result
      })
      if (noted.length > 0) done?.()
      return answer
    },
  }
}
