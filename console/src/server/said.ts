// What was said in a call, as OpenTelemetry writes it. Pure.

/** One message of a conversation, as OpenTelemetry writes it. */
export interface SaidMessage {
  readonly role: string
  readonly parts: readonly { readonly type: string; readonly [field: string]: unknown }[]
}

/** The messages of a JSON text; none where it is something else. */
export function messagesOf(json: string): readonly SaidMessage[] {
  try {
    const value = JSON.parse(json) as unknown
    return Array.isArray(value) ? value.filter(isMessage) : []
  } catch {
    return []
  }
}

function isMessage(value: unknown): value is SaidMessage {
  return (
    typeof value === 'object' && value !== null && 'parts' in value && Array.isArray(value.parts) && 'role' in value
  )
}
