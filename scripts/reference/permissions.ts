// Writes the reference page of roles and permissions from the one table of them.
import { permissionsOf, roles } from '../../src/wire/permissions.ts'

/** `docs/reference/permissions.md`. */
export function permissionsPage(): string {
  const rows = [...permissionsOf.owner].sort().map((permission) => {
    const marks = roles.map((role) => (permissionsOf[role].has(permission) ? '●' : ''))
    return `| \`${permission}\` | ${marks.join(' | ')} |`
  })
  return `# Roles and permissions

A role is held in one workspace, or in the whole organisation: then it counts in every workspace. \`owner\` is a role of the organisation
alone; a member of the organisation may do there what their workspaces give them, and nothing more. A key never does more than its role
and the person or service account behind it together. Somebody else's workspace is not there: what lies in it answers 404.

| permission | ${roles.join(' | ')} |
| --- | ${roles.map(() => '---').join(' | ')} |
${rows.join('\n')}
`
}
