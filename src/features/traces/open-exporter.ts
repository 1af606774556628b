// Opens the way to a collector that spans are handed on to, where the operator set one.
import type { Config } from '../../base/config.ts'
import type { Egress } from '../../base/egress.ts'
import type { Log } from '../../base/log.ts'
import { readSecret } from '../../base/secret.ts'
import { type SpanExporter, spanExporter } from './export.ts'

/** The exporter; undefined where no collector is set. Throws `invalid_value` that names the setting. */
export async function openExporter(
  {
    otlpUrl: url,
    otlpAuthorization: reference,
    otlpNames: names,
  }: Pick<Config, 'otlpUrl' | 'otlpAuthorization' | 'otlpNames'>,
  {
    environment,
    ...parts
  }: {
    readonly egress: Egress
    readonly log: Log
    readonly environment: Readonly<Record<string, string | undefined>>
  },
): Promise<SpanExporter | undefined> {
  if (url === undefined) return undefined
  const authorization = reference && (await readSecret(reference, environment, 'otlp-authorization'))
  return spanExporter({ url, names, ...(authorization !== undefined && { authorization }) }, parts)
}
