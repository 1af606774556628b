// What who reserves for a call and who meters it tell each other: the price it is charged by, before it begins, and what it cost, when it has
// ended. One cost per call, in the usage row and in the ledger alike.
import type { Amounts } from '../limits/account.ts'
import type { Price } from '../prices/price.ts'
import type { UsageWriter } from './writer.ts'

/** By what a call is charged, whatever prices become meanwhile. */
export interface Agreed {
  /** When it began, milliseconds since 1970: windows of the calendar and dated prices are those of then. */
  readonly at: number
  /** Null: it is free. */
  readonly price: Price | null
}

/** Calls that are open or have ended and are not settled yet. */
export interface Charges {
  /** Fixes what a call is charged by. */
  agree(callId: string, agreed: Agreed): void
  /** What was fixed; undefined for a call that nobody reserved for. */
  agreed(callId: string): Agreed | undefined
  /** The writer, with an eye on what passes. */
  watch(writer: UsageWriter): UsageWriter
  /** What the call cost; undefined where no row was made: it never began. */
  take(callId: string): Amounts | undefined
}

/** No costs yet. */
export function createCharges(): Charges {
  const charged = new Map<string, Amounts>()
  const open = new Map<string, Agreed>()
  return {
    agree: (callId, agreed) => void open.set(callId, agreed),
    agreed: (callId) => open.get(callId),
    watch: (writer) => ({
      ...writer,
      admit() {
        const place = writer.admit()
        return {
          free: () => place.free(),
          record(record) {
            const { id, cost, promptTokens, completionTokens } = record.row
            charged.set(id, { money: cost, tokens: promptTokens + completionTokens })
            place.record(record)
          },
        }
      },
    }),
    take(callId) {
      const found = charged.get(callId)
      charged.delete(callId)
      open.delete(callId)
      return found
    },
  }
}
