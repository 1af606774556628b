// Sets what somebody may ask for: new, or another number for what is set.
import { useState } from 'react'
import type { Static } from 'typebox'
import type { LimitObject } from '../../../../src/wire/limit-objects.ts'
import { useWords } from '../../language/language.tsx'
import { SelectField } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { PartyFields, useParty } from '../../parts/party.tsx'
import { useAct } from '../../server/act.ts'
import { useModels } from '../../server/models.ts'
import { NumberFields, useNumbers } from './numbers.tsx'
import { text } from './text.ts'

type Limit = Static<typeof LimitObject>

/** The form. */
export function SetLimit({ limit, close }: { readonly limit?: Limit; close(): void }) {
  const t = useWords(text)
  const models = useModels()
  const party = useParty()
  const [model, setModel] = useState('*')
  const numbers = useNumbers(limit)
  const put = useAct('limits', close)
  const whose = limit ?? { ...party.chosen, model }
  const send = () =>
    put.mutate({
      path: '/galerne/v1/limits',
      method: 'PUT',
      body: { scope: whose.scope, subject: whose.subject, model: whose.model, ...numbers.body() },
    })
  return (
    <Form act={t('save')} sending={put} send={send}>
      {limit === undefined && (
        <>
          <PartyFields party={party} />
          <SelectField label={t('model')} value={model} onChange={(event) => setModel(event.target.value)}>
            <option value="*">{t('allModels')}</option>
            {(models.data?.data ?? []).map(({ id }) => (
              <option key={id}>{id}</option>
            ))}
          </SelectField>
        </>
      )}
      <NumberFields {...numbers} />
      <p className="text-xs text-muted">{t('emptyMeans')}</p>
    </Form>
  )
}
