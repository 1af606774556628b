// What the deletion of one person's data answers.
import { Type } from 'typebox'

/** What was deleted of a person, and what no longer names them. */
export const PersonForgotten = Type.Object({
  object: Type.Literal('person.forgotten'),
  calls: Type.Integer({ description: 'Rows of usage that no longer name the person; their counts stay.' }),
  contents: Type.Integer({ description: 'Texts that are gone.' }),
  spans: Type.Integer({ description: 'Spans of traces that no longer name the person.' }),
  files: Type.Integer({
    description: 'Files that are gone with their bytes: those that only they could see, and shared ones where asked.',
  }),
  shared_files: Type.Array(
    Type.Object({
      id: Type.String(),
      workspace: Type.String(),
      names: Type.Union([Type.Boolean(), Type.Null()], {
        description: 'Whether its bytes hold their id or address; null where they could not be read.',
      }),
    }),
    { description: 'Files that they uploaded and the workspace shares, and results of their batches: still there.' },
  ),
  prompts: Type.Integer({ description: 'Prompts that only they could see, gone.' }),
  mentions: Type.Integer({ description: 'Rows that named them elsewhere, as an author for instance.' }),
})
