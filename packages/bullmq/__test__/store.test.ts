// Stores of programs: a folder, and a bucket whose service checks the signatures of requests as AWS does.
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import { ProgramQueue, folderStore, s3Store, type ProgramStore } from '../src/index.ts'
import { all, openWorker, QUEUE, watPath } from './support/queues.ts'
import { onOne } from './support/servers.ts'

const DIGEST = 'a'.repeat(64)
const CREDENTIALS = { accessKeyId: 'AKID', secretAccessKey: 'secret' }

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'wasiexec-store-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

/** What every store has to do. */
async function check(t: ExecutionContext, store: ProgramStore): Promise<void> {
  t.false(await store.has(DIGEST))
  t.is(await store.get(DIGEST), undefined)
  const bytes = new Uint8Array([0, 255, 13, 10])
  await store.put(DIGEST, bytes)
  await store.put(DIGEST, bytes)
  t.true(await store.has(DIGEST))
  t.deepEqual(new Uint8Array((await store.get(DIGEST))!), bytes)
}

test('a folder', async (t) => {
  const path = await folder(t)
  await check(t, folderStore(join(path, 'programs')))
  t.deepEqual(await readdir(join(path, 'programs')), [`${DIGEST}.wasm`])
  t.throws(() => folderStore(''), { message: /^`folder` must be a path, got ""$/ })
  // Windows has other words for it.
  if (process.platform === 'win32') return
  const file = join(path, 'file')
  await writeFile(file, '')
  const broken = folderStore(file)
  await t.throwsAsync(broken.has(DIGEST), { code: 'ENOTDIR' })
  await t.throwsAsync(broken.put(DIGEST, new Uint8Array()), { code: 'EEXIST' })
})

/** The signature that a request should have, after AWS's description of SigV4. */
function signature(request: IncomingMessage, secret: string): string {
  const authorization = request.headers.authorization ?? ''
  const [, date, region, names] =
    /Credential=AKID\/(\d{8})\/([\w-]+)\/s3\/aws4_request, ?SignedHeaders=([\w;-]+), ?Signature=/.exec(
      authorization,
    ) ?? []
  if (date === undefined) return 'none'
  const headers = names!
    .split(';')
    .map((name) => `${name}:${String(request.headers[name]).trim()}\n`)
  const canonical = [
    request.method,
    request.url,
    '',
    headers.join(''),
    names,
    request.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD',
  ].join('\n')
  const scope = `${date}/${region}/s3/aws4_request`
  const hash = createHash('sha256').update(canonical).digest('hex')
  const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, hash].join('\n')
  const hmac = (key: string | Buffer, data: string): Buffer =>
    createHmac('sha256', key).update(data).digest()
  const key = [region!, 's3', 'aws4_request'].reduce(hmac, hmac(`AWS4${secret}`, date))
  return hmac(key, text).toString('hex')
}

/** A service with one bucket, which is overloaded at each third request. */
async function bucket(t: ExecutionContext): Promise<string> {
  const objects = new Map<string, Buffer>()
  let requests = 0
  const server = createServer(async (request, response) => {
    const body = await buffer(request)
    requests += 1
    const { url = '', method } = request
    const expected = signature(request, CREDENTIALS.secretAccessKey)
    const end = (status: number, data?: Buffer): unknown => response.writeHead(status).end(data)
    if (requests % 3 === 0) return end(503)
    if (!request.headers.authorization?.endsWith(`Signature=${expected}`)) return end(403)
    if (!url.startsWith('/bucket/')) return end(404)
    if (method === 'PUT') objects.set(url, body)
    const found = objects.get(url)
    return found === undefined ? end(404) : end(200, method === 'GET' ? found : undefined)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a bucket of S3', async (t) => {
  const url = await bucket(t)
  await check(t, s3Store({ bucketUrl: `${url}/bucket/`, ...CREDENTIALS, region: 'eu-central-1' }))
  const thief = s3Store({ bucketUrl: `${url}/bucket`, ...CREDENTIALS, secretAccessKey: 'guessed' })
  await t.throwsAsync(thief.get(DIGEST), { message: /^GET .*: the store returned 403$/ })
  const elsewhere = s3Store({ bucketUrl: `${url}/other`, ...CREDENTIALS })
  await t.throwsAsync(elsewhere.put(DIGEST, new Uint8Array()), { message: /there is no bucket$/ })
  t.throws(() => s3Store({ bucketUrl: 'bucket', ...CREDENTIALS }), {
    message: /^`bucketUrl` must be the URL/,
  })
  const secretless = { bucketUrl: url, accessKeyId: 'A', secretAccessKey: '' }
  t.throws(() => s3Store(secretless), {
    message: /^`secretAccessKey` must be a text, got "string"$/,
  })
})

onOne('programs that are elsewhere never touch Redis', async (t, server) => {
  const store = folderStore(await folder(t))
  const queue = new ProgramQueue(QUEUE, { connection: server.url, store })
  t.teardown(() => queue.close())
  await openWorker(t, server, { store })
  const program = await queue.addProgram(watPath('hello'))
  const [result] = await all(program.batch([{}]))
  t.is(result?.outcome?.stdout.toString(), 'hello\n')
  const { default: Redis } = await import('ioredis')
  const redis = new Redis.default(server.url)
  t.deepEqual(await redis.keys('*:program:*'), [])
  redis.disconnect()
})
