// What was said in a span, where it is kept. All of it is a stranger's text: it is shown as text.
import type { SpanShape } from '../../../../src/wire/observability.ts'
import { useWords } from '../../language/language.tsx'
import { CodeBlock } from '../../parts/code-block.tsx'
import { messagesOf, type SaidMessage } from '../../server/said.ts'
import { text } from './text.ts'

/** The conversation of a span. */
export function Messages({ span }: { readonly span: SpanShape }) {
  const t = useWords(text)
  const said = [...messagesOf(span.input_messages), ...messagesOf(span.output_messages)]
  const call = span.tool_call_arguments !== '' || span.tool_call_result !== ''
  if (said.length === 0 && !call) return <p className="text-sm text-muted">{t('noMessages')}</p>
  return (
    <ol className="space-y-3">
      {said.map((message, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a conversation that is over does not change its order.
        <Message key={index} message={message} />
      ))}
      {span.tool_call_arguments !== '' && <CodeBlock>{span.tool_call_arguments}</CodeBlock>}
      {span.tool_call_result !== '' && <CodeBlock>{span.tool_call_result}</CodeBlock>}
    </ol>
  )
}

function Message({ message }: { readonly message: SaidMessage }) {
  return (
    <li className="text-sm">
      <p className="text-xs font-medium text-muted">{message.role}</p>
      {message.parts.map((part, index) => {
        const content = part['content'] ?? part['response']
        return typeof content === 'string' ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: parts of a message that is over do not change their order.
          <p key={index} className="whitespace-pre-wrap">
            {content}
          </p>
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: as above.
          <CodeBlock key={index}>{JSON.stringify(part, null, 2)}</CodeBlock>
        )
      })}
    </li>
  )
}
