// The five numbers of a limit or a tier, as fields.
import { useState } from 'react'
import type { limitNumbers } from '../../../../src/wire/limit-objects.ts'
import { useWords } from '../../language/language.tsx'
import { TextField } from '../../parts/field.tsx'
import { text } from './text.ts'

/** Their names. */
export const numberNames = [
  'requests_per_second',
  'requests_per_minute',
  'tokens_per_minute',
  'tokens_per_month',
  'parallel_requests',
] as const satisfies readonly (keyof typeof limitNumbers)[]

type Numbers = Partial<Record<(typeof numberNames)[number], number | null>>

/** The numbers as they are typed, and as the API takes them: an empty field takes the limit away. */
export function useNumbers(from: Numbers = {}) {
  const [typed, setTyped] = useState<Readonly<Record<string, string>>>(() =>
    Object.fromEntries(numberNames.map((name) => [name, String(from[name] ?? '')])),
  )
  return {
    typed,
    set: (name: string, value: string) => setTyped({ ...typed, [name]: value }),
    body: () =>
      Object.fromEntries(
        numberNames.map((name) => [name, typed[name]?.trim() ? Number(typed[name]) : null]),
      ) as Numbers,
  }
}

/** The fields. */
export function NumberFields({ typed, set }: Pick<ReturnType<typeof useNumbers>, 'typed' | 'set'>) {
  const t = useWords(text)
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      {numberNames.map((name) => (
        <TextField
          key={name}
          label={t(name)}
          type="number"
          inputMode="numeric"
          min={0}
          step={1}
          placeholder={t('unlimited')}
          value={typed[name] ?? ''}
          onChange={(event) => set(name, event.target.value)}
        />
      ))}
    </div>
  )
}
