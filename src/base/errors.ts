// One table of everything that can go wrong by name, one class, one way to throw. Knows no wire shape: `wire/failure.ts` does.

/** What a message may be filled with; values are shown to the caller, so never a secret and never a prompt. */
export type FailureFields = Readonly<Record<string, string | number | boolean | null | readonly string[]>>

interface FailureKind {
  /** The HTTP status an API answer carries. */
  readonly status: number
  /** OpenAI's `error.type` vocabulary: `invalid_request_error`, `rate_limit_error`, `server_error`, … */
  readonly type: string
  /** Whether the same request may succeed later; becomes `x-should-retry`. */
  readonly retryable: boolean
  /** What was wrong and what to do, in one or two plain sentences. */
  readonly message: (fields: FailureFields) => string
}

const request = (status: number, message: FailureKind['message']): FailureKind => ({
  status,
  type: 'invalid_request_error',
  retryable: false,
  message,
})

const server = (status: number, retryable: boolean, message: FailureKind['message']): FailureKind => ({
  status,
  type: 'server_error',
  retryable,
  message,
})

/** `98362432` → `98.4 MB`; the reference gives a name in place of a number. */
const megabytes = (bytes: unknown) => `${typeof bytes === 'number' ? (bytes / 1e6).toFixed(1) : bytes} MB`

/** Every code, alphabetical. A code is stable once released: clients match on it. */
const kinds = {
  adapter_unusable: request(400, (f) => `The adapter "${f['adapter']}" cannot be used: ${f['reason']}.`),
  backup_unusable: request(400, (f) => `The backup ${f['file']} cannot be used: ${f['reason']}.`),
  call_exceeds_limit: {
    status: 429,
    type: 'rate_limit_error',
    retryable: false,
    message: (f) =>
      `This call needs ${f['needed']} tokens, more than the limit of ${f['limit']} ${f['what']} for this ${f['scope']}${f['model'] === '*' ? '' : ` with model "${f['model']}"`} ever lets in. Lower max_tokens or shorten the prompt, or ask an administrator to raise the limit.`,
  },
  client_closed: request(499, () => 'The client closed the connection before the answer was complete.'),
  context_length_exceeded: request(
    400,
    (f) =>
      `This model's context is ${f['limit']} tokens, and the prompt has ${f['promptTokens']} tokens. Shorten the prompt, or load the model with a longer context.`,
  ),
  database_in_use: request(
    409,
    (f) => `A server works on the database ${f['database']}. Stop every server on it first, then try again.`,
  ),
  database_newer: server(
    503,
    false,
    (f) =>
      `The database ${f['database']} was changed by a later version of Galerne (${f['migrations']}). Start that version, or restore a backup made before it.`,
  ),
  database_not_empty: request(
    409,
    (f) =>
      `The database ${f['database']} already holds Galerne's tables. Name an empty one, or add --force to replace everything in it.`,
  ),
  database_unavailable: server(
    503,
    true,
    (f) => `The database does not answer: ${f['reason']}. It is tried again with every request.`,
  ),
  database_unusable: server(
    503,
    false,
    (f) =>
      `The database ${f['database']} cannot be used: ${f['reason']}. Check the path and its rights, restore a backup, or move the file away to start empty.`,
  ),
  deadline_exceeded: server(504, true, () => 'The deadline of this request passed before the answer was complete.'),
  disk_full: server(
    507,
    false,
    (f) =>
      `The disk that holds ${f['path']} is full: ${megabytes(f['needed'])} more are needed and ${megabytes(f['free'])} are free. Make room and try again: what has been pulled is kept.`,
  ),
  egress_failed: server(502, true, (f) => `${f['url']} could not be fetched: ${f['reason']}.`),
  egress_refused: request(
    403,
    (f) =>
      `"${f['host']}" leads to ${f['address']}, which outgoing requests may not reach. Only addresses on the public internet and those set up by the operator are fetched.`,
  ),
  engine_failed: server(
    503,
    true,
    (f) =>
      `The engine process of model "${f['model']}" ended while it worked on this request. It restarts by itself: send the request again.`,
  ),
  engine_output_invalid: server(
    500,
    false,
    (f) =>
      `Model "${f['model']}" computed no usable numbers for this request. Its file may be damaged: check its sha256 and pull it again.`,
  ),
  file_store_failed: server(
    503,
    true,
    (f) => `The file store does not answer: ${f['reason']}. Send the request again.`,
  ),
  file_too_large: request(
    413,
    (f) =>
      `The file is larger than ${f['limit']} bytes. Split it, send it in parts with POST /v1/uploads, or raise ${f['setting']} on the server.`,
  ),
  storage_quota_exceeded: request(
    413,
    (f) =>
      `The workspace's files hold ${f['used']} of ${f['quota']} bytes, and ${f['bytes']} more have no room. Delete files, let them expire, or raise file-quota on the server.`,
  ),
  csrf_token_invalid: {
    status: 403,
    type: 'permission_error',
    retryable: false,
    message: () =>
      'A change in a session must carry the token of GET /galerne/v1/session as the header galerne-csrf. Load the page again.',
  },
  forbidden: {
    status: 403,
    type: 'permission_error',
    retryable: false,
    message: (f) =>
      `This call needs the permission "${f['permission']}"${f['workspace'] === undefined ? '' : ` in the workspace "${f['workspace']}"`}, which the caller does not have. An administrator can give a role that has it.`,
  },
  grammar_failed: request(
    400,
    (f) => `The answer could not be held to its schema or grammar any further: ${f['reason']}. Simplify the schema.`,
  ),
  host_not_allowed: {
    status: 403,
    type: 'permission_error',
    retryable: false,
    message: (f) =>
      `Nobody signs in under the name "${f['host']}". If this server is reached by it, start it with --public-url.`,
  },
  insufficient_quota: {
    status: 429,
    type: 'insufficient_quota',
    retryable: false,
    message: (f) =>
      `The budget of ${f['amount']} for this ${f['scope']} has no room for this call: ${f['spent']} are spent, ${f['reserved']} are reserved by calls that run. ${f['opens'] === undefined ? '' : `A new window opens at ${f['opens']}. `}Raise the budget with "galerne budget", or lower max_tokens.`,
  },
  internal_error: server(
    500,
    true,
    (f) => `Something failed inside the server. Give the request id ${f['requestId'] ?? ''} to whoever runs it.`,
  ),
  invalid_api_key: {
    status: 401,
    type: 'authentication_error',
    retryable: false,
    message: () => 'The API key is missing or not valid. Send it as "Authorization: Bearer <key>".',
  },
  invalid_file: request(400, (f) =>
    f['line'] === undefined
      ? `The file is not valid: ${f['reason']}.`
      : `The file is not valid JSONL. Line ${f['line']}: ${f['reason']}.`,
  ),
  invalid_function_call: request(400, (f) => `"${f['param']}" is not a valid function call: ${f['reason']}.`),
  invalid_json: request(400, (f) => `The request body is not valid JSON: ${f['reason']}.`),
  invalid_message_order: request(400, (f) => `The order of the messages is not valid: ${f['reason']}.`),
  invalid_value: request(400, (f) => `"${f['param']}" is not valid: ${f['reason']}.`),
  invitation_invalid: request(
    404,
    () => 'This invitation is not valid, was used already, or has expired. Ask an administrator for a new one.',
  ),
  key_restricted: {
    status: 403,
    type: 'permission_error',
    retryable: false,
    message: (f) => `This key may not be used ${f['how']}. Use another key, or ask an administrator to widen this one.`,
  },
  method_not_allowed: request(405, (f) => `${f['path']} does not take ${f['method']}; it takes ${f['allowed']}.`),
  model_forbidden: {
    status: 403,
    type: 'permission_error',
    retryable: false,
    message: (f) => `This key may not use the model "${f['model']}". GET /v1/models lists those that it may use.`,
  },
  model_load_failed: server(503, false, (f) => `Model "${f['model']}" could not be loaded: ${f['reason']}`),
  model_loading: server(
    503,
    true,
    (f) =>
      `Model "${f['model']}" is ${f['state'] === 'loading' ? `being loaded (${f['percent']} %)` : 'waiting to be loaded'} and takes longer than this request may wait. Try again in ${f['retryAfter']} s.`,
  ),
  model_not_found: request(
    404,
    (f) => `There is no model "${f['model']}" here. GET /v1/models lists what this server has.`,
  ),
  model_unavailable: server(
    503,
    true,
    (f) =>
      `Model "${f['model']}" is not loaded and cannot be now: ${f['reason']}. Unpin or unload another model, or give the models more memory.`,
  ),
  name_taken: request(
    409,
    (f) => `There is a ${f['what']} "${f['name']}" already. Choose another name, or change that one.`,
  ),
  not_found: request(404, (f) => `There is no ${f['what']} "${f['id']}".`),
  not_signed_in: {
    status: 401,
    type: 'authentication_error',
    retryable: false,
    message: () => 'Nobody is signed in, or the session has ended. Sign in again.',
  },
  oidc_failed: {
    status: 502,
    type: 'authentication_error',
    retryable: true,
    message: (f) => `Signing in with ${f['issuer']} failed: ${f['reason']}.`,
  },
  port_in_use: server(
    503,
    false,
    (f) =>
      `Port ${f['port']} on ${f['host']} is taken, perhaps by a Galerne that already runs. Stop it, or take another one: --port <number>, 0 for any free one.`,
  ),
  pull_failed: server(
    502,
    true,
    (f) => `Model "${f['model']}" could not be pulled. ${[f['reasons']].flat().join(' ')}`,
  ),
  quantization_failed: request(400, (f) => `The weights of "${f['model']}" could not be quantised: ${f['reason']}.`),
  queue_full: {
    status: 429,
    type: 'rate_limit_error',
    retryable: true,
    message: (f) =>
      `The line for model "${f['model']}" is full with ${f['waiting']} requests ${f['whose'] === 'key' || f['whose'] === 'workspace' ? `of this ${f['whose']} ` : ''}waiting. Try again in ${f['retryAfter']} s.`,
  },
  range_not_satisfiable: request(416, (f) => `The range begins behind the end: the file has ${f['bytes']} bytes.`),
  rate_limit_exceeded: {
    status: 429,
    type: 'rate_limit_error',
    retryable: true,
    message: (f) =>
      f['limit'] === undefined
        ? `This key sends more ${f['what']} than it may. Try again in ${f['retryAfter']} s.`
        : `The limit of ${f['limit']} ${f['what']} for this ${f['scope']} is reached${f['model'] === '*' ? '' : ` with model "${f['model']}"`}${f['needed'] === undefined ? '' : ` (this call needs ${f['needed']})`}. Try again in ${f['retryAfter']} s.`,
  },
  request_too_large: request(
    413,
    (f) => `The request body is larger than ${f['limit']} bytes. Send less at once, or raise body-limit on the server.`,
  ),
  revision_changed: request(
    409,
    (f) => `The ${f['what']} "${f['id']}" was changed by somebody else meanwhile. Read it again, then decide.`,
  ),
  schema_not_satisfied: server(
    500,
    true,
    (f) =>
      `The model did not give an answer that satisfies the schema in ${f['attempts']} attempts. Simplify the schema, or raise max_tokens.`,
  ),
  server_not_running: request(
    503,
    (f) => `No Galerne server answers at ${f['url']}. Start one with "galerne serve" (in a checkout: npm start).`,
  ),
  server_stopping: server(503, true, () => 'The server is shutting down. Send the request again in a moment.'),
  sign_in_limited: {
    status: 429,
    type: 'rate_limit_error',
    retryable: true,
    message: (f) => `Too many attempts to sign in. Try again in ${f['retryAfter']} s.`,
  },
  sign_in_refused: {
    status: 401,
    type: 'authentication_error',
    retryable: false,
    message: () => 'The e-mail address or the password is not right.',
  },
  sign_in_unknown: {
    status: 403,
    type: 'permission_error',
    retryable: false,
    message: (f) =>
      `${f['issuer']} knows you, but nobody has invited you here. Ask an administrator for an invitation.`,
  },
  template_rejected: request(400, (f) => `The model's chat template refused this conversation: ${f['reason']}`),
  tool_missing: server(
    503,
    false,
    (f) => `"${f['tool']}" is needed for this and is not installed, or not on the PATH. Install it and try again.`,
  ),
  traces_busy: server(
    503,
    true,
    () => 'Spans arrive faster than the database writes them. Send these again in a moment: none of them was kept.',
  ),
  unsupported_endpoint: request(
    404,
    (f) => `This server does not serve ${f['method']} ${f['path']}. GET /openapi.json lists what it serves.`,
  ),
  unsupported_media_type: request(415, (f) =>
    f['encoding'] === undefined
      ? `The content type "${f['contentType']}" is not read here. Send the body as ${f['wanted'] ?? 'application/json'}.`
      : `A body with the content encoding "${f['encoding']}" is not unpacked here. Send it as it is.`,
  ),
  unsupported_value: request(400, (f) => `"${f['param']}" is not supported here: ${f['reason']}.`),
} as const satisfies Record<string, FailureKind>

/** A stable error code. */
export type FailureCode = keyof typeof kinds

/** Every code, for the generated reference page. */
export const failureCodes = Object.keys(kinds) as readonly FailureCode[]

/** A failure with a name: carries its code, its fields, and what the table says of both. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: FailureCode
  readonly fields: FailureFields
  readonly status: number
  readonly type: string
  readonly retryable: boolean

  constructor(code: FailureCode, fields: FailureFields = {}, options?: ErrorOptions) {
    const kind: FailureKind = kinds[code]
    super(kind.message(fields), options)
    this.code = code
    this.fields = fields
    this.status = kind.status
    this.type = kind.type
    this.retryable = kind.retryable
  }

  /** The request field at fault, when there is one. */
  get param(): string | null {
    const param = this.fields['param']
    return typeof param === 'string' ? param : null
  }

  /** Its message, where limits or the server are the cause: it may be kept. Another one may quote what was asked. */
  get ownCause(): string | undefined {
    return this.status === 429 || this.status >= 500 ? this.message : undefined
  }

  /** The part that crosses a process boundary; `reviveFailure` is its inverse. */
  toJSON(): { code: FailureCode; fields: FailureFields } {
    return { code: this.code, fields: this.fields }
  }
}

/** The one way to make a failure: `throw fail('model_not_found', { model })`. */
export function fail(code: FailureCode, fields: FailureFields = {}, cause?: unknown): Failure {
  return new Failure(code, fields, cause === undefined ? undefined : { cause })
}

/** Rebuilds a failure that came over a process boundary as `{ code, fields }`; anything else becomes `internal_error`. */
export function reviveFailure(value: unknown): Failure {
  if (typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string') {
    if (Object.hasOwn(kinds, value.code)) {
      const fields = 'fields' in value && typeof value.fields === 'object' && value.fields !== null ? value.fields : {}
      return new Failure(value.code as FailureCode, fields as FailureFields)
    }
  }
  return new Failure('internal_error')
}
