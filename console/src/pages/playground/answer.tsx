// One answer as it comes: text, reasoning, calls, how likely each token was, and the figures under it.
import { lazy, Suspense } from 'react'
import { useFormats, useWords } from '../../language/language.tsx'
import { CopyButton } from '../../parts/copy-button.tsx'
import { Go } from '../../parts/link.tsx'
import { Problem } from '../../parts/states.tsx'
import { Calls } from './call-form.tsx'
import type { CallResult, Step } from './conversation.ts'
import { type Answer, type Likelihood, speedOf } from './stream.ts'
import { text } from './text.ts'
import type { Tool } from './tools-editor.tsx'

// The reader of Markdown is larger than the page: it comes when the first answer does.
const Markdown = lazy(async () => ({ default: (await import('../../parts/markdown.tsx')).Markdown }))

interface AnswerProps {
  readonly step: Step
  readonly tools: readonly Tool[]
  readonly cost: Cost | undefined
  /** Gives the model what its calls gave; absent where it is too late. */
  readonly give: ((results: Readonly<Record<string, CallResult>>) => void) | undefined
}

interface Cost {
  readonly nano: number
  readonly currency: string
}

/** An answer, whatever its state. */
export function AnswerView({ step, tools, cost, give }: AnswerProps) {
  const t = useWords(text)
  const { answer } = step
  return (
    <div className="min-w-0 text-sm">
      {answer.reasoning !== '' && (
        <details className="mb-2 text-muted" open={answer.text === ''}>
          <summary className="cursor-pointer text-xs font-medium">{t('reasoning')}</summary>
          <p className="mt-1 whitespace-pre-wrap">{answer.reasoning}</p>
        </details>
      )}
      {answer.likelihoods.length > 0 ? (
        <Likelihoods tokens={answer.likelihoods} />
      ) : (
        <Suspense fallback={<p className="whitespace-pre-wrap">{answer.text}</p>}>
          <Markdown source={answer.text} />
        </Suspense>
      )}
      <Calls step={step} tools={tools} give={give} />
      {answer.state === 'waiting' && <p className="text-muted">{t('waiting')}</p>}
      {answer.state === 'failed' && <Problem error={answer.error} />}
      <div className="mt-3 flex flex-wrap items-center gap-x-2">
        <Figures answer={answer} cost={cost} />
        {answer.text !== '' && answer.state !== 'writing' && (
          <CopyButton value={answer.text} small name={t('copyAnswer')} />
        )}
      </div>
    </div>
  )
}

/** Each token on a ground that is the stronger the less likely it was; the others that were near stand in its title. */
function Likelihoods({ tokens }: { readonly tokens: readonly Likelihood[] }) {
  const { percent } = useFormats()
  const t = useWords(text)
  const say = ({ token, logprob }: { readonly token: string; readonly logprob: number }) =>
    t('likelihood', { token: JSON.stringify(token), percent: percent(Math.exp(logprob)) })
  return (
    <p className="font-mono text-xs leading-6 whitespace-pre-wrap">
      {tokens.map((entry, index) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: tokens are only ever added at the end, and the same one comes often.
          key={index}
          title={[say(entry), ...entry.others.map(say)].join('\n')}
          className={grounds[Math.min(grounds.length - 1, Math.floor(-entry.logprob))]}
        >
          {entry.token}
        </span>
      ))}
    </p>
  )
}

const grounds = ['', 'bg-accent-soft', 'bg-warn-soft', 'bg-warn-soft', 'bg-bad-soft']

function Figures({ answer, cost }: { readonly answer: Answer; readonly cost: Cost | undefined }) {
  const t = useWords(text)
  const { one, duration, whole, money } = useFormats()
  const speed = speedOf(answer)
  const facts = [
    answer.firstTokenMs !== undefined && t('firstToken', { time: duration(answer.firstTokenMs) }),
    speed !== undefined && t('speed', { speed: one(speed) }),
    answer.promptTokens !== undefined &&
      t('tokens', { input: whole(answer.promptTokens), output: whole(answer.completionTokens ?? 0) }),
    (answer.cachedTokens ?? 0) > 0 && t('cached', { count: whole(answer.cachedTokens ?? 0) }),
    cost !== undefined && (cost.nano === 0 ? t('free') : money(cost.nano, cost.currency)),
    answer.state === 'stopped' && t('stopped'),
  ].filter((fact) => fact !== false)
  if (facts.length === 0) return null
  const said = facts.join(' · ')
  return (
    <p className="text-xs text-muted tabular-nums">
      {answer.id === undefined ? (
        said
      ) : (
        <Go to="/usage/calls" search={{ request: answer.id }} look="plain">
          {said}
        </Go>
      )}
    </p>
  )
}
