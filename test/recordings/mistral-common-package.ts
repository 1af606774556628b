// Finds the vocabularies of an installed mistral-common; they are not copied into this repository.

import { globSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** Folder of the package's data files, from `GALERNE_TEST_MISTRAL_COMMON` (that folder), or as scripts/prepare-python.sh or a `.venv` installed it; undefined where there is none. */
export function mistralCommonData(): string | undefined {
  const named = process.env['GALERNE_TEST_MISTRAL_COMMON']
  if (named !== undefined) return named
  const data = 'lib/python*/site-packages/mistral_common/data'
  const [found] = globSync([`.cache/python/mistral-common/${data}`, `.venv/${data}`], { cwd: root })
  return found === undefined ? undefined : join(root, found)
}

/** Why tests that need the vocabularies are skipped; false where they are there. */
export function missingMistralCommon(): string | false {
  return mistralCommonData() === undefined ? 'mistral-common is not installed: bash scripts/prepare-python.sh' : false
}
