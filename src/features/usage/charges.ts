// What the meter counted for a call, handed to whoever reserved for it: one cost per call, in the usage row and in the ledger alike.
import type { Amounts } from '../limits/account.ts'
import type { UsageWriter } from './writer.ts'

/** Costs of calls that have ended and are not settled yet. */
export interface Charges {
  /** The writer, with an eye on what passes. */
  watch(writer: UsageWriter): UsageWriter
  /** What the call cost; undefined where no row was made: it never began. */
  take(callId: string): Amounts | undefined
}

/** No costs yet. */
export function createCharges(): Charges {
  const charged = new Map<string, Amounts>()
  return {
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
      return found
    },
  }
}
