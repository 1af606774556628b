// Invitations on every database: opened by their link alone, once, in time, and by one of two who click together.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeOnDatabases } from '../../../test/support/databases.ts'
import { createActs } from '../audit/acts.ts'
import { acceptInvite, createInvite, openInvite } from './invite.ts'
import { listMemberships, listPeople } from './store.ts'

describeOnDatabases('invitations', (get) => {
  const clock = { time: 1_000_000, now: () => clock.time, elapsed: () => clock.time }
  const actor = { kind: 'system', id: 'test' } as const
  const acts = () => createActs(get().database, clock)
  const invite = (email: string) =>
    createInvite(acts(), actor, { email, role: 'billing', workspaces: [{ id: 'default', role: 'viewer' }] })

  test('the link makes the person with the roles that were meant, once; the secret is not in the table', async () => {
    const { query } = get().database
    const { secret } = await invite('Anna@Example.org')
    assert.ok(!JSON.stringify(await query.selectFrom('invites').selectAll().execute()).includes(secret))
    const clicks = await Promise.allSettled([1, 2].map(() => acceptInvite(acts(), secret, { name: 'Anna' })))
    assert.deepEqual(clicks.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    const people = await listPeople(query)
    assert.deepEqual(
      people.map(({ email, role }) => [email, role]),
      [['anna@example.org', 'billing']],
    )
    const [membership] = await listMemberships(query, { user: people[0]?.id ?? '' })
    assert.deepEqual([membership?.workspace, membership?.role], ['default', 'viewer'])
    await assert.rejects(acceptInvite(acts(), secret, { name: 'Anna' }), { code: 'invitation_invalid' })
    await assert.rejects(invite('anna@example.ORG'), { code: 'invalid_value', param: 'email' })
  })

  test('a second invitation ends the first; a late one is none', async () => {
    const { query } = get().database
    const first = await invite('berta@example.org')
    const second = await invite('berta@example.org')
    await assert.rejects(openInvite(query, first.secret, clock.time), { code: 'invitation_invalid' })
    const { invite: opened, secret } = second
    assert.equal((await openInvite(query, secret, clock.time)).email, 'berta@example.org')
    await assert.rejects(openInvite(query, secret, opened.expiresAt), { code: 'invitation_invalid' })
  })
})
