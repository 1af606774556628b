// Keeps contents in a store that speaks S3, through AWS's own client, whose requests leave by our egress like all others.
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import type { Egress, EgressRequest } from '../../base/egress.ts'
import { fail } from '../../base/errors.ts'
import type { Contents } from './contents.ts'

/** Which bucket, and as whom. */
export interface S3Place {
  readonly bucket: string
  /** Before every key: empty, or ends with a slash. */
  readonly prefix: string
  readonly region: string
  /** Absent: AWS. */
  readonly endpoint?: string
  readonly credentials: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
}

/** Reads `s3://bucket/prefix?region=…&endpoint=…` and the keys in the environment. Throws what is missing. */
export function readS3Place(setting: string, environment: Readonly<Record<string, string | undefined>>): S3Place {
  const url = new URL(setting)
  const accessKeyId = environment['AWS_ACCESS_KEY_ID']
  const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY']
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const reason = 'its keys must stand in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'
    throw fail('invalid_value', { param: 'file-store', reason })
  }
  const sessionToken = environment['AWS_SESSION_TOKEN']
  const endpoint = url.searchParams.get('endpoint')
  const prefix = url.pathname.replace(/^\/+|\/+$/g, '')
  return {
    bucket: url.hostname,
    prefix: prefix === '' ? '' : `${prefix}/`,
    region: url.searchParams.get('region') ?? 'us-east-1',
    ...(endpoint !== null && { endpoint }),
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
  }
}

// S3 takes one put up to 5 GiB; parts of this size, two at once, bound the memory and hold 80 GiB in its 10,000 parts.
const partBytes = 8 * 1024 * 1024
const partsAtOnce = 2

/** Contents in a bucket. The client is loaded here, not at the start of a server that has no use for it. */
export async function s3Contents(place: S3Place, egress: Egress): Promise<Contents> {
  const sdk = await import('@aws-sdk/client-s3')
  const { Upload } = await import('@aws-sdk/lib-storage')
  const { bucket, prefix, region, endpoint, credentials } = place
  const client: S3Client = new sdk.S3Client({
    region,
    credentials,
    requestHandler: throughEgress(egress),
    // Stores other than AWS know neither bucket names in host names nor its newest checksums; the length and the hash are ours to check.
    forcePathStyle: endpoint !== undefined,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint !== undefined && { endpoint }),
  })
  const target = (key: string) => ({ Bucket: bucket, Key: prefix + key })
  return {
    async put(key, path) {
      const params = { ...target(key), Body: createReadStream(path) }
      await new Upload({ client, params, partSize: partBytes, queueSize: partsAtOnce }).done().catch(rethrow)
      await rm(path, { force: true })
    },
    async read(key, range) {
      const part = range === undefined ? {} : { Range: `bytes=${range.start}-${range.start + range.length - 1}` }
      const { Body } = await client.send(new sdk.GetObjectCommand({ ...target(key), ...part })).catch(rethrow)
      return Body as Readable
    },
    async remove(key) {
      await client.send(new sdk.DeleteObjectCommand(target(key))).catch(rethrow)
    },
    async *list() {
      const pages = sdk.paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })
      try {
        for await (const { Contents: objects = [] } of pages) {
          for (const { Key = '', LastModified } of objects) {
            yield { key: Key.slice(prefix.length), putAt: LastModified?.getTime() ?? 0 }
          }
        }
      } catch (error) {
        rethrow(error)
      }
    },
    async removeUnfinished(before) {
      const place = { Bucket: bucket, Prefix: prefix }
      for (let after = {}; ; ) {
        const page = await client.send(new sdk.ListMultipartUploadsCommand({ ...place, ...after })).catch(unlessUnknown)
        for (const { Key = '', UploadId, Initiated } of page?.Uploads ?? []) {
          if (Initiated === undefined || Initiated.getTime() >= before) continue
          await client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId })).catch(rethrow)
        }
        if (page?.IsTruncated !== true) return
        after = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
      }
    },
  }
}

/** Some stores keep no list of what was begun; they have their own ways to forget it. */
function unlessUnknown(error: unknown): undefined {
  if ((error as Error).name !== 'NotImplemented') rethrow(error)
}

function rethrow(error: unknown): never {
  const { name, message } = error as Error
  throw fail('file_store_failed', { reason: name === 'Failure' ? message : `${name}: ${message}` }, error)
}

/** The part of AWS's request that is read here. */
interface SdkRequest {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly method: string
  readonly path: string
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
}

const idleTimeoutMs = 60_000

/** AWS's interface for what sends requests, over ours. */
function throughEgress(egress: Egress) {
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
    destroy() {},
    async handle(request: SdkRequest) {
      const { protocol, hostname, port, path, method, body } = request
      // undici has no "100-continue".
      const { expect: _, Expect: __, ...headers } = request.headers
      const answer = await egress.request({
        url: `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}${queryText(request.query)}`,
        purpose: 'file-store',
        method: method as NonNullable<EgressRequest['method']>,
        headers,
        ...(body !== undefined && { body: body as string | Uint8Array }),
        policy: { allowPrivate: true, maxBytes: Number.MAX_SAFE_INTEGER, idleTimeoutMs, maxRedirects: 0 },
      })
      const body_ = Readable.from(answer.body, { objectMode: false })
      return { response: { statusCode: answer.status, headers: flatten(answer.headers), body: body_ } }
    },
  }
}

function queryText(query: SdkRequest['query'] = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().map((one) => (one === null ? encode(name) : `${encode(name)}=${encode(String(one))}`)),
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

/** As the signature was made: RFC 3986, stricter than encodeURIComponent. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

function flatten(headers: Readonly<Record<string, string | readonly string[] | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]))
}
