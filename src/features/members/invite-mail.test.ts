// Invitations by mail: the link comes to whom it is for, works, and lies in no table; a mail server that is away spoils nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCompleteServer } from '../../../scripts/reference/complete-server.ts'
import { mentionsOf } from '../../../test/support/everything.ts'
import { startMailServer } from '../../../test/support/mail-server.ts'
import { systemClock } from '../../base/clock.ts'
import { createEgress } from '../../base/egress.ts'
import { createLog } from '../../base/log.ts'
import { mailer } from '../../base/mail.ts'
import { createActs } from '../audit/acts.ts'
import { createKey } from '../keys/create.ts'
import { inviteMailer } from './invite-mail.ts'

test('an invitation is mailed, and handed on where that fails', async () => {
  const mails = await startMailServer()
  const egress = createEgress()
  const log = createLog({ level: 'silent' })
  const send = mailer({ egress, url: mails.url, from: 'galerne@example.org', purpose: 'invitation' })
  const mailInvite = inviteMailer({ send, publicUrl: 'https://galerne.example.org/', log })
  const complete = await openCompleteServer({ mailInvite })
  try {
    const acts = createActs(complete.database, systemClock)
    const actor = { kind: 'system', id: 'test' } as const
    const { secret: owner } = await createKey(acts, actor, { name: 'owner', role: 'owner', reach: 'organisation' })
    const post = async (url: string, payload: object) => {
      const headers = { host: 'localhost', authorization: `Bearer ${owner}` }
      const answer = await complete.server.inject({ method: 'POST', url, headers, payload })
      assert.equal(answer.statusCode, 200, answer.body)
      return answer.json()
    }
    const anna = await post('/v1/organization/invites', { email: 'anna@example.org', role: 'reader' })
    const bob = await post('/v1/admin/users-invite', { email: 'bob@example.org', role: 'member' })
    assert.deepEqual([anna.mailed, bob.mailed], [true, true])
    for (const [n, email, secret] of [
      [0, 'anna@example.org', anna.secret],
      [1, 'bob@example.org', bob.secret],
    ] as const) {
      // Long lines are folded on their way, with a `=` at the end.
      const text = (mails.messages[n] ?? '').replaceAll('=\n', '')
      assert.match(text, new RegExp(`^To: ${email}$`, 'm'))
      assert.ok(text.includes(`https://galerne.example.org/invitation/${secret}`), text)
      assert.deepEqual(await mentionsOf(complete.database, [secret]), [])
    }
    const accepted = { secret: anna.secret, name: 'Anna', password: 'correct horse battery' }
    await post('/galerne/v1/invitations/accept', accepted)
    mails.close()
    const carla = await post('/v1/organization/invites', { email: 'carla@example.org', role: 'reader' })
    assert.equal(carla.mailed, false)
    assert.equal((await post('/galerne/v1/invitations/open', { secret: carla.secret })).email, 'carla@example.org')
  } finally {
    mails.close()
    await complete.close()
    await egress.close()
  }
})
