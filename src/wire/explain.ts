// Turns the validator's errors into one field and one reason that a person understands. Knows Ajv's error objects and no endpoint.

/** The part of an Ajv error (with `verbose`) that is read here. */
export interface ValidatorError {
  readonly keyword: string
  /** JSON pointer into the body. */
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
  readonly data?: unknown
  readonly parentSchema?: unknown
}

/** What was wrong, for `invalid_value`. */
export interface Explanation {
  /** Such as `messages[0].content`. */
  readonly param: string
  readonly reason: string
}

// They only say that none of several branches fits; the branches' own errors say more.
const wrappers = new Set(['anyOf', 'oneOf', 'if'])

/** The fault to tell: the one deepest in the body, of the branch that the value was most likely meant for. */
export function explain(errors: readonly ValidatorError[], context = 'body'): Explanation {
  const candidates = errors.filter((error) => !wrappers.has(error.keyword) && !isNullType(error))
  const deepest = Math.max(...candidates.map(depth))
  const near = candidates.filter((error) => depth(error) === deepest)
  const [best] = near.toSorted((a, b) => likelihood(b) - likelihood(a))
  if (best === undefined) return { param: context, reason: 'it does not fit the schema' }
  const alike = near.filter(
    ({ keyword, instancePath }) => keyword === best.keyword && instancePath === best.instancePath,
  )
  return { param: paramOf(best) || context, reason: reasonOf(best, alike) }
}

function isNullType({ keyword, params }: ValidatorError): boolean {
  return keyword === 'type' && params['type'] === 'null'
}

const depth = ({ instancePath }: ValidatorError) => instancePath.split('/').length

/** An object that lacks a field was meant as that object; a string out of range was meant as that string. */
function likelihood({ keyword, data }: ValidatorError): number {
  if (keyword === 'type') return 0
  if (keyword === 'const' || keyword === 'enum') return typeof data === 'object' ? 0 : 1
  return 2
}

/** `/messages/0/content` → `messages[0].content`; a missing or surplus property is the field at fault itself. */
function paramOf({ keyword, instancePath, params }: ValidatorError): string {
  const own =
    params['missingProperty'] ?? params['additionalProperty'] ?? (keyword === 'discriminator' && params['tag'])
  const steps = instancePath.split('/').slice(1).map(unescapePointer)
  if (typeof own === 'string') steps.push(own)
  return steps
    .map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '')
    .slice(0, 200)
}

const unescapePointer = (step: string) => step.replaceAll('~1', '/').replaceAll('~0', '~')

function reasonOf(error: ValidatorError, alike: readonly ValidatorError[]): string {
  const { keyword, params } = error
  const limit = String(params['limit'])
  switch (keyword) {
    case 'required':
      return 'it is missing'
    case 'type':
      return `it must be ${either(alike.flatMap(({ params: { type } }) => type as string | string[]).map(article))}`
    case 'const':
      return `it must be ${either(alike.map(({ params: { allowedValue } }) => JSON.stringify(allowedValue)))}`
    case 'enum':
      return `it must be ${either((params['allowedValues'] as unknown[]).map((value) => JSON.stringify(value)))}`
    case 'discriminator':
      return `it must be ${either(tagValues(error).map((value) => JSON.stringify(value)))}`
    case 'minimum':
      return `it must be at least ${limit}`
    case 'maximum':
      return `it must be at most ${limit}`
    case 'exclusiveMinimum':
      return `it must be more than ${limit}`
    case 'exclusiveMaximum':
      return `it must be less than ${limit}`
    case 'minLength':
    case 'minItems':
      return limit === '1'
        ? 'it is empty'
        : `it must have at least ${limit} ${keyword === 'minLength' ? 'characters' : 'items'}`
    case 'maxLength':
      return `it must have at most ${limit} characters`
    case 'maxItems':
      return `it must have at most ${limit} items`
    case 'maxProperties':
      return `it must have at most ${limit} fields`
    case 'additionalProperties':
      return 'there is no such field'
    case 'pattern':
      return `it must match ${String(params['pattern'])}`
    default:
      return `it breaks the rule "${keyword}"`
  }
}

/** The values that the tag of a `tagged` schema may have. */
function tagValues({ params, parentSchema }: ValidatorError): unknown[] {
  const tag = String(params['tag'])
  const { oneOf = [] } = (parentSchema ?? {}) as {
    oneOf?: { properties?: Record<string, { const?: unknown; enum?: unknown[] }> }[]
  }
  return oneOf.flatMap(({ properties }) => properties?.[tag]?.enum ?? [properties?.[tag]?.const])
}

const article = (type: string) =>
  type === 'integer' ? 'a whole number' : /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`

function either(values: readonly string[]): string {
  const distinct = [...new Set(values)]
  return distinct.length < 2 ? distinct.join() : `${distinct.slice(0, -1).join(', ')} or ${distinct.at(-1)}`
}
