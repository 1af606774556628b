// What the deletion of one person's data answers.
import { Type } from 'typebox'

/** What was deleted of a person, and what no longer names them. */
export const PersonForgotten = Type.Object({
  object: Type.Literal('person.forgotten'),
  calls: Type.Integer({ description: 'Rows of usage that no longer name the person; their counts stay.' }),
  contents: Type.Integer({ description: 'Texts that are gone.' }),
  spans: Type.Integer({ description: 'Spans of traces that no longer name the person.' }),
  files: Type.Integer({ description: 'Files that only they could see, gone with their bytes.' }),
  prompts: Type.Integer({ description: 'Prompts that only they could see, gone.' }),
  mentions: Type.Integer({ description: 'Rows that named them elsewhere, as an author for instance.' }),
})
