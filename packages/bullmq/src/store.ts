import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AwsClient } from 'aws4fetch'
import type { Redis } from 'ioredis'
import { checkOptions, invalid } from './faults.ts'
import type { Keys } from './keys.ts'

/**
 * Where the binaries of programs are, by their SHA-256 in hexadecimal. Producers write, workers read, and check what they
 * have read. All producers and workers of a queue name the same store. Anything with these three functions is one.
 */
export interface ProgramStore {
  /** Whether it has the binary, so that it need not be sent. */
  has(digest: string): Promise<boolean>
  /** Returns the binary, or undefined if there is none. Rejects when the store cannot be asked. */
  get(digest: string): Promise<Uint8Array | undefined>
  /** Keeps the binary. Doing this twice is the same as once. */
  put(digest: string, binary: Uint8Array): Promise<void>
}

/** The SHA-256 of a binary in hexadecimal. */
export function digestOf(binary: Uint8Array): string {
  return createHash('sha256').update(binary).digest('hex')
}

/** The store of a queue that names none: Redis itself. */
export function redisStore(redis: Redis, keys: Keys): ProgramStore {
  return {
    has: async (digest) => (await redis.exists(keys.program(digest))) === 1,
    get: async (digest) => (await redis.getBuffer(keys.program(digest))) ?? undefined,
    put: async (digest, binary) => {
      await redis.set(keys.program(digest), Buffer.from(binary))
    },
  }
}

/**
 * A store in a folder that all machines see, such as a network file system.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 * @example
 * const queue = new ProgramQueue('grading', { connection, store: folderStore('/mnt/programs') })
 */
export function folderStore(folder: string): ProgramStore {
  if (typeof folder !== 'string' || folder === '') throw invalid('folder', 'a path', folder)
  const file = (digest: string): string => join(folder, `${digest}.wasm`)
  const ifThere = <T>(found: Promise<T>): Promise<T | undefined> =>
    found.catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
  return {
    has: async (digest) => (await ifThere(stat(file(digest)))) !== undefined,
    get: (digest) => ifThere(readFile(file(digest))),
    async put(digest, binary) {
      await mkdir(folder, { recursive: true })
      // In one step, so that nobody reads half a program.
      const part = join(folder, `.${digest}.${randomUUID()}`)
      try {
        await writeFile(part, binary)
        await rename(part, file(digest))
      } catch (error) {
        await rm(part, { force: true })
        throw error
      }
    },
  }
}

/** Where a bucket is, and who asks for it. */
export interface S3Options {
  /** The address of the bucket: `https://bucket.s3.eu-central-1.amazonaws.com`, or `https://minio.internal/bucket`. */
  bucketUrl: string
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
  /** Default: what the address says, otherwise `us-east-1`. */
  region?: string | undefined
  /** What the names of the objects begin with. Default: `wasiexec/`. */
  prefix?: string | undefined
}

const S3_OPTIONS = [
  'bucketUrl',
  'accessKeyId',
  'secretAccessKey',
  'sessionToken',
  'region',
  'prefix',
] as const satisfies readonly (keyof S3Options)[]

/**
 * A store in a bucket of S3 or of anything that speaks its protocol. Requests are signed (SigV4) and tried again
 * when the service is overloaded.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 * @example
 * const store = s3Store({ bucketUrl: 'https://programs.s3.eu-central-1.amazonaws.com', accessKeyId, secretAccessKey })
 */
export function s3Store(options: S3Options): ProgramStore {
  checkOptions(options, S3_OPTIONS)
  const { bucketUrl, prefix = 'wasiexec/', region, accessKeyId, secretAccessKey } = options
  if (!/^https?:/i.test(bucketUrl) || !URL.canParse(bucketUrl))
    throw invalid('bucketUrl', 'the URL of a bucket', bucketUrl)
  for (const [name, value] of Object.entries({ accessKeyId, secretAccessKey }))
    // Not shown: it may be most of a secret.
    if (typeof value !== 'string' || value === '') throw invalid(name, 'a text', typeof value)
  const { sessionToken } = options
  const client = new AwsClient({
    accessKeyId,
    secretAccessKey,
    service: 's3',
    ...(sessionToken === undefined ? {} : { sessionToken }),
    ...(region === undefined ? {} : { region }),
  })
  const base = bucketUrl.replace(/\/+$/, '')
  const ask = async (method: string, digest: string, body?: Uint8Array): Promise<Response> => {
    const url = `${base}/${prefix}${digest}.wasm`
    const init = body === undefined ? { method } : { method, body: Buffer.from(body) }
    const response = await client.fetch(url, init)
    if (!response.ok && response.status !== 404)
      throw new Error(`${method} ${url}: the store returned ${response.status}`)
    return response
  }
  return {
    has: async (digest) => (await ask('HEAD', digest)).ok,
    async get(digest) {
      const response = await ask('GET', digest)
      return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined
    },
    async put(digest, binary) {
      const response = await ask('PUT', digest, binary)
      if (!response.ok) throw new Error(`PUT ${base}: the store returned 404: there is no bucket`)
    },
  }
}

/** Whether something can be used as a store. */
export function isStore(value: unknown): value is ProgramStore {
  const store = (value ?? {}) as Partial<Record<keyof ProgramStore, unknown>>
  return (['has', 'get', 'put'] as const).every((name) => typeof store[name] === 'function')
}
