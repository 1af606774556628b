// A role, to be chosen by those who may give it, else to be seen.
import { useWords } from '../../language/language.tsx'
import { SelectField } from '../../parts/field.tsx'
import { text } from './text.ts'

/** Roles as OpenAI's clients name them, which is how these routes read and write them. */
const roleNames = {
  organisation: ['reader', 'billing', 'admin', 'owner'],
  workspace: ['viewer', 'member', 'billing', 'owner'],
} as const

interface RoleFieldProps {
  readonly label: string
  readonly hint?: string
  readonly bare?: boolean
  readonly where: keyof typeof roleNames
  readonly role: string
  choose(role: string): void
}

/** A role to be given. */
export function RoleField({ where, role, choose, ...field }: RoleFieldProps) {
  const t = useWords(text)
  return (
    <SelectField {...field} className="min-w-36" value={role} onChange={(event) => choose(event.target.value)}>
      {roleNames[where].map((name) => (
        <option key={name} value={name}>
          {t(`${where}.${name}` as 'workspace.member')}
        </option>
      ))}
    </SelectField>
  )
}

interface RoleSelectProps {
  /** Whose role. */
  readonly of: string
  readonly where: keyof typeof roleNames
  readonly role: string
  /** Absent: it is only shown. */
  readonly choose?: (role: string) => void
}

/** Somebody's role in a row. */
export function RoleSelect({ of, where, role, choose }: RoleSelectProps) {
  const t = useWords(text)
  if (choose === undefined) return t(`${where}.${role}` as 'workspace.member')
  return <RoleField label={t('roleOf', { name: of })} bare where={where} role={role} choose={choose} />
}
