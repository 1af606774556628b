// The licences of the catalogue's models, with what each does not allow.

import type { CatalogueModel } from './catalogue-schema.ts'

type Licence = CatalogueModel['licence']

/** Free for every use. */
export const apache: Licence = { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0', forbids: [] }

/** Free for every use. */
export const mit: Licence = { name: 'MIT', url: 'https://opensource.org/license/mit', forbids: [] }

/** Mistral AI Research License (MRL 0.1). */
export const mistralResearch: Licence = {
  name: 'Mistral AI Research License',
  url: 'https://mistral.ai/licenses/MRL-0.1.md',
  forbids: [
    'Any use other than research or personal study: no use in a business, for pay or in production, of the model or of its outputs.',
    'Commercial use needs a licence from Mistral AI (https://mistral.ai/contact/).',
    'Who passes it on must pass this licence on with it.',
  ],
}

/** Mistral AI Non-Production License (MNPL 0.1). */
export const mistralNonProduction: Licence = {
  name: 'Mistral AI Non-Production License',
  url: 'https://mistral.ai/licenses/MNPL-0.1.md',
  forbids: [
    'Any use in production: only testing, research, personal and evaluation use in a non-production environment, of the model and of its outputs.',
    'Commercial use, and supplying it to others for pay, need a licence from Mistral AI (https://mistral.ai/contact/).',
    'Who passes it on must pass this licence on with it.',
  ],
}
