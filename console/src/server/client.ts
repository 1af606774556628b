// Speaks HTTP with the server this page came from, as the person who is signed in. Knows no noun of the product.

/** A refusal or failure that the server put into words. */
export class ServerError extends Error {
  readonly status: number
  readonly code: string
  readonly param: string | null
  /** To name when asking whoever runs the server. */
  readonly requestId: string | null

  constructor(
    status: number,
    words: { message: string; code: string; param: string | null },
    requestId: string | null,
  ) {
    super(words.message)
    this.name = 'ServerError'
    this.status = status
    this.code = words.code
    this.param = words.param
    this.requestId = requestId
  }
}

/** What a call may carry besides its path. */
export interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly body?: unknown
  readonly signal?: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
}

let kept: { readonly csrf: string | undefined; readonly workspace: string | undefined } = {
  csrf: undefined,
  workspace: undefined,
}

/** What every call carries from now on: the token against forged changes, and the workspace that the person works in. */
export function keepSession(session: typeof kept): void {
  kept = session
}

/** The workspace that calls are made in. */
export function keptWorkspace(): string | undefined {
  return kept.workspace
}

/** Sends a call and answers the response; throws `ServerError` for an answer that is no success. */
export async function send(path: string, options: CallOptions = {}): Promise<Response> {
  const { method = options.body === undefined ? 'GET' : 'POST', body, signal } = options
  const isForm = body instanceof FormData
  const response = await fetch(path, {
    method,
    headers: {
      accept: 'application/json, text/event-stream',
      ...(body !== undefined && !isForm && { 'content-type': 'application/json' }),
      ...(kept.csrf !== undefined && { 'galerne-csrf': kept.csrf }),
      ...(kept.workspace !== undefined && { 'galerne-workspace': kept.workspace }),
      ...options.headers,
    },
    ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
    ...(signal !== undefined && { signal }),
  })
  if (!response.ok) throw await errorOf(response)
  return response
}

/** Sends a call and answers its JSON, in the shape that the caller states: the schemas in src/wire are the source. */
export async function call<Answer>(path: string, options: CallOptions = {}): Promise<Answer> {
  const response = await send(path, options)
  return (await response.json()) as Answer
}

async function errorOf(response: Response): Promise<ServerError> {
  const fallback = { message: `${response.status} ${response.statusText}`, code: 'unknown', param: null }
  const body = (await response.json().catch(() => ({}))) as {
    message?: string
    param?: string | null
    error?: { message?: string; code?: string; param?: string | null }
  }
  const words = {
    message: body.error?.message ?? body.message ?? fallback.message,
    code: body.error?.code ?? fallback.code,
    param: body.error?.param ?? body.param ?? null,
  }
  return new ServerError(response.status, words, response.headers.get('x-request-id'))
}
