// Finds the vocabularies of an installed mistral-common; they are not copied into this repository.

import { globSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** Folder of the package's data files, from `GALERNE_TEST_MISTRAL_COMMON` (that folder) or the checkout's `.venv`; undefined where there is none. */
export function mistralCommonData(): string | undefined {
  const named = process.env['GALERNE_TEST_MISTRAL_COMMON']
  if (named !== undefined) return named
  const [found] = globSync('.venv/lib/python*/site-packages/mistral_common/data', { cwd: root })
  return found === undefined ? undefined : join(root, found)
}

/** Why tests that need the vocabularies are skipped; false where they are there. */
export function missingMistralCommon(): string | false {
  return mistralCommonData() === undefined
    ? 'mistral-common is not installed: python3 -m venv .venv && .venv/bin/pip install mistral-common'
    : false
}
