// Reads how one version of a model may be named: the model's name, `@`, and the sha256 of its weights. Pure; knows no registry.
import { fail } from '../../base/errors.ts'

/** A name as it was given: a model, or one version of it. */
export interface ModelName {
  /** The model's name, or an alias. */
  readonly name: string
  /** The first 12 to 64 hexadecimal digits of the sha256 of its weights; undefined where no version is named. */
  readonly digest: string | undefined
}

/** As many digits name a version; fewer could name two. */
const fewestDigits = 12

/** Reads `name`, `name@sha256:0123456789ab…` or `name@0123456789ab…`. Throws `invalid_value` for a digest that is none. */
export function parseModelName(text: string): ModelName {
  const at = text.lastIndexOf('@')
  if (at < 0) return { name: text, digest: undefined }
  const digest = text
    .slice(at + 1)
    .replace(/^sha256:/i, '')
    .toLowerCase()
  if (/^[0-9a-f]{12,64}$/.test(digest)) return { name: text.slice(0, at), digest }
  const reason = `write a version as name@sha256: and at least ${fewestDigits} hexadecimal digits of its digest`
  throw fail('invalid_value', { param: 'model', reason })
}

/** The name of a version: what it is served under beside the model of that name, and what shows in answers, traces and usage. */
export function versionName(name: string, digest: string): string {
  return `${name}@sha256:${digest.slice(0, fewestDigits)}`
}

/** The model that a name of `versionName` belongs to: prices and limits are the model's, whichever version runs. */
export function familyOf(name: string): string {
  return name.replace(/@sha256:[0-9a-f]{12,64}$/, '')
}

/** A digest as it is shown: `sha256:` and 64 digits. */
export function shownDigest(digest: string | null | undefined): string | null {
  return digest == null || digest === '' ? null : `sha256:${digest}`
}
