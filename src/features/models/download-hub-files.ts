// Asks a hub which weights a repository holds, for references that name no file. Downloads nothing.

import { header } from './download-answer.ts'
import { askHub, type HubAccess, refusal } from './download-hub.ts'
import { type SourceContext, SourceError } from './download-source.ts'

/** A repository, by what a person says of it. */
export interface RepositoryChoice {
  readonly repository: string
  readonly revision: string
  /** `Q4_K_M`, in any case of letters; absent: the usual one. */
  readonly quantisation: string | undefined
}

/** The one that most people take, then those nearest to it in size; then whatever is the only one. */
const usual = ['Q4_K_M', 'Q4_K_S', 'Q4_0', 'Q4_1', 'Q5_K_M', 'Q8_0']

/** A listing has at most a thousand entries a page. */
const mostPages = 20

/** Chooses the file; throws a final `SourceError` that lists what there is where the choice is not clear. */
export async function chooseOnHub(choice: RepositoryChoice, hub: HubAccess, context: SourceContext): Promise<string> {
  const files = (await listWeights(choice, hub, context)).filter(isFirstPart)
  const where = `${new URL(hub.url).host}/${choice.repository}`
  if (files.length === 0) throw new SourceError(`${where} has no .gguf file`, { final: true })
  const wanted = choice.quantisation === undefined ? usual : [choice.quantisation]
  for (const quantisation of wanted) {
    const [found, other] = files.filter((file) => hasQuantisation(file, quantisation))
    if (found !== undefined && other === undefined) return found
  }
  const [only, second] = files
  if (choice.quantisation === undefined && only !== undefined && second === undefined) return only
  const listed = files.slice(0, 20).join(', ')
  throw new SourceError(`name one file of ${where}, as hf:${choice.repository}:<file>: ${listed}`, { final: true })
}

/** The quantisation stands between two marks: `model-Q4_K_M.gguf`, `model.Q4_K_M-00001-of-00002.gguf`, `Q4_K_M/model.gguf`. */
function hasQuantisation(file: string, quantisation: string): boolean {
  const escaped = quantisation.replaceAll(/[^\w]/g, '\\$&')
  return new RegExp(`(^|[-./_])${escaped}([-./]|$)`, 'i').test(file)
}

/** A model in several files counts once; projectors of images and importance matrices are no models. */
function isFirstPart(file: string): boolean {
  const part = /-(\d{5})-of-\d{5}\.gguf$/i.exec(file)?.[1]
  return (part === undefined || part === '00001') && !/(^|[/.-])(mmproj|imatrix)/i.test(file)
}

async function listWeights(choice: RepositoryChoice, hub: HubAccess, context: SourceContext): Promise<string[]> {
  const base = `${hub.url.replace(/\/$/, '')}/api/models/${choice.repository}`
  let url: string | undefined = `${base}/tree/${encodeURIComponent(choice.revision)}?recursive=true`
  const files: string[] = []
  for (let page = 0; url !== undefined && page < mostPages; page++) {
    const response = await askHub(url, 'GET', hub, context)
    if (response.status !== 200) {
      await response.discard()
      throw refusal(response, { ...choice, file: '' }, hub)
    }
    const entries: unknown = await response.json().catch(() => undefined)
    if (!Array.isArray(entries)) throw new SourceError('its list of files cannot be read', { final: true })
    for (const entry of entries as { type?: unknown; path?: unknown }[]) {
      if (entry.type === 'file' && typeof entry.path === 'string' && /\.gguf$/i.test(entry.path)) files.push(entry.path)
    }
    const next: string | undefined = /<([^>]+)>;\s*rel="next"/.exec(header(response, 'link') ?? '')?.[1]
    // A next page somewhere else would be another hub's word.
    url =
      next !== undefined && new URL(next, url).origin === new URL(hub.url).origin ? new URL(next, url).href : undefined
  }
  return files.sort()
}
