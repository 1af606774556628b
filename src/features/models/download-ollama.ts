// Asks Ollama's registry, which speaks the HTTP of container registries, where a model's weights are and what they must be.

import { header, statusError } from './download-answer.ts'
import { type Located, type SourceContext, SourceError } from './download-source.ts'

/** A model of Ollama's registry. */
export interface OllamaSource {
  readonly type: 'ollama'
  /** `library/mistral` or `someone/model`. */
  readonly repository: string
  readonly tag: string
}

const manifestType = 'application/vnd.docker.distribution.manifest.v2+json'
const layer = {
  model: 'application/vnd.ollama.image.model',
  adapter: 'application/vnd.ollama.image.adapter',
}
const largestManifest = 1_048_576

interface Layer {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

/** Reads the manifest; the weights are the blob that it names, by its sha256. Throws a final `SourceError` for what is not one GGUF file. */
export async function locateOnOllama(source: OllamaSource, registry: string, context: SourceContext): Promise<Located> {
  const base = `${registry.replace(/\/$/, '')}/v2/${source.repository}`
  const where = `${new URL(registry).host}/${source.repository}:${source.tag}`
  const { allowPrivate, patience, signal } = context
  const response = await context.egress.request({
    url: `${base}/manifests/${encodeURIComponent(source.tag)}`,
    purpose: 'pull',
    headers: { accept: manifestType },
    policy: { allowPrivate, idleTimeoutMs: patience.stallMs, maxBytes: largestManifest },
    ...(signal === undefined ? {} : { signal }),
  })
  if (response.status !== 200) {
    await response.discard()
    if (response.status === 404) throw new SourceError(`there is no ${where}`, { final: true })
    if (response.status === 401 || response.status === 403) {
      throw new SourceError(
        `${where} is not public: ${header(response, 'www-authenticate') ?? 'it wants an account'}`,
        {
          final: true,
        },
      )
    }
    throw statusError(response, new URL(registry).host, false)
  }
  const layers = readLayers(await response.json().catch(() => undefined))
  if (layers === undefined) throw new SourceError(`the manifest of ${where} cannot be read`, { final: true })
  if (layers.some((one) => one.mediaType === layer.adapter)) {
    throw new SourceError(`${where} is an adapter over another model, which is not pulled so`, { final: true })
  }
  const [weights, more] = layers.filter((one) => one.mediaType === layer.model)
  if (weights === undefined || more !== undefined) {
    throw new SourceError(`${where} does not hold its weights in one file`, { final: true })
  }
  const { digest, size } = weights
  return {
    url: `${base}/blobs/${digest}`,
    headers: {},
    bytes: size,
    sha256: digest.replace(/^sha256:/, ''),
    signed: true,
  }
}

function readLayers(manifest: unknown): readonly Layer[] | undefined {
  const layers: unknown =
    typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, 'layers') : undefined
  if (!Array.isArray(layers)) return undefined
  const known = layers.filter(
    (one: Partial<Layer> | null): one is Layer =>
      typeof one?.mediaType === 'string' &&
      /^sha256:[0-9a-f]{64}$/.test(one.digest ?? '') &&
      Number.isSafeInteger(one.size),
  )
  return known.length === layers.length ? known : undefined
}
