// The header of the model that an adapter is for, found on this machine without a server: in the settings, or among the stored weights.

import { fail } from '../../base/errors.ts'
import { readHeader } from '../../engine/header.ts'
import type { ModelHeader } from '../../engine/header-types.ts'
import { entriesOf } from './catalogue.ts'
import { loadCatalogue } from './catalogue-own.ts'
import { familyOf } from './name.ts'
import { findPulledModel } from './pull.ts'
import { parseReference } from './pull-reference.ts'
import { findQuantised } from './quantised.ts'
import { splitName } from './served.ts'
import { storedModels } from './stored.ts'

/** Where to look. */
export interface BasePlaces {
  readonly home: string
  /** The `model` setting, each `name=reference` or a reference. */
  readonly settings: readonly string[]
  /** Its GGUF file, where the user names it. */
  readonly file?: string
}

/** Reads the model's header. Throws `invalid_value` where its weights are not found, and `model_load_failed` for a file that is broken. */
export async function readBase(model: string, places: BasePlaces): Promise<ModelHeader> {
  const path = places.file ?? (await findSetting(model, places)) ?? (await findStored(model, places.home))
  if (path !== undefined) return readHeader(path, model)
  const reason = `the weights of "${model.slice(0, 100)}" are neither stored nor in the settings, and a PEFT folder is compared with them: name their GGUF file with --base`
  throw fail('invalid_value', { param: 'model', reason })
}

async function findSetting(model: string, { home, settings }: BasePlaces): Promise<string | undefined> {
  const catalogue = entriesOf(await loadCatalogue(home))
  for (const setting of settings) {
    const { name, reference } = splitName(setting)
    if (name !== undefined && name !== familyOf(model)) continue
    const made = await findQuantised(reference, home)
    if (made !== undefined && (name ?? made.name) === familyOf(model)) return made.path
    if (made !== undefined) continue
    const parsed = parseReference(reference, process.cwd(), catalogue)
    if ((name ?? parsed.name) !== familyOf(model)) continue
    if (parsed.type === 'local') return parsed.paths[0]
    const pulled = await findPulledModel(reference, { home, catalogue })
    if (pulled !== undefined) return pulled.path
  }
  return undefined
}

async function findStored(model: string, home: string): Promise<string | undefined> {
  const found = (await storedModels(home)).find(({ name }) => name === familyOf(model))
  return found?.files[0]?.path
}
