// Blacks out what the spans of an application say, by its workspace's rules. Facts that lists are made of stay as they are.
import { partContent } from '../../telemetry/gen-ai.ts'
import type { Attributes, Span } from '../../telemetry/span.ts'
import { redacts } from '../usage/redaction.ts'
import type { Redactor } from '../usage/redactor.ts'
import type { SettingsBook } from '../usage/settings.ts'

/** The spans as they may be kept; undefined where that took too long: then what was said is not kept. */
export type RedactSpans = (workspace: string, spans: readonly Span[]) => Promise<readonly Span[] | undefined>

/** Over the rules and their thread. */
export function spanRedactor(parts: {
  readonly settings: Pick<SettingsBook, 'of'>
  readonly redactor: Redactor
}): RedactSpans {
  return async (workspace, spans) => {
    const { redaction } = parts.settings.of(workspace)
    if (!redacts(redaction)) return spans
    const said = await parts.redactor.apply(redaction, spans.map(saidIn))
    return said === undefined ? undefined : spans.map((span, index) => withSaid(span, said[index] ?? nothing))
  }
}

/** A span without what was said in it: its content, its events' attributes, and the message of its state. */
export function withoutSaid(span: Span): Span {
  return {
    ...span,
    stateMessage: '',
    attributes: partContent(span.attributes).facts,
    events: span.events.map((event) => ({ ...event, attributes: {} })),
  }
}

interface Said {
  readonly stateMessage: string
  readonly content: Attributes
  readonly events: readonly Attributes[]
}

const nothing: Said = { stateMessage: '', content: {}, events: [] }

function saidIn(span: Span): Said {
  const { stateMessage, attributes, events } = span
  return { stateMessage, content: partContent(attributes).content, events: events.map((event) => event.attributes) }
}

function withSaid(span: Span, { stateMessage, content, events }: Said): Span {
  return {
    ...span,
    stateMessage,
    attributes: { ...span.attributes, ...content },
    events: span.events.map((event, index) => ({ ...event, attributes: events[index] ?? {} })),
  }
}
