// Models that can be fetched by name, with whether they fit on this machine, on the wire under our own path.
import { Type } from 'typebox'
import { listSchema, pagingFields } from './paging.ts'

const bytes = (description: string) => Type.Integer({ description })

/** What may be asked. */
export const CatalogueQuery = Type.Object({
  after: pagingFields.after,
  limit: pagingFields.limit,
  context: Type.Optional(
    Type.String({ pattern: '^[1-9][0-9]{1,7}$', description: "Tokens of one user's conversation; 8192 without it." }),
  ),
})

/** A model of the catalogue in its usual quantisation, and how it fits beside what is loaded now. */
export const CatalogueModelObject = Type.Object({
  id: Type.String({ description: 'The name to pull it by.' }),
  object: Type.Literal('catalogue.model'),
  title: Type.String(),
  parameters: Type.Integer(),
  active_parameters: Type.Integer({ description: 'That each token meets; fewer than all in a mixture of experts.' }),
  context_length: Type.Integer({ description: 'Tokens it was made for.' }),
  quantisation: Type.String(),
  bytes: bytes('Of its files, or of its tensors where nobody has told the size of the files.'),
  licence: Type.Object({ name: Type.String(), forbids: Type.Array(Type.String()) }),
  fit: Type.Object({
    verdict: Type.Enum(['fits', 'fits-with-less-context', 'fits-with-layers-on-cpu', 'does-not-fit']),
    context: Type.Integer({ description: 'Tokens that were asked for, or fewer where the model was made for fewer.' }),
    users: Type.Integer({ description: 'Most users at once with such a context; 0 where it does not fit.' }),
    max_context: Type.Integer({ description: 'Longest context of one user that fits.' }),
    total_bytes: bytes('What it takes for one user.'),
    available_bytes: bytes('Free memory of all devices together.'),
  }),
})

/** A page of the catalogue. */
export const CatalogueList = listSchema(CatalogueModelObject)
