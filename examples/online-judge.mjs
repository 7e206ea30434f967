// An online judge: upload a program, and watch its verdicts come: node examples/online-judge.mjs [port [folder]]
// With a folder for what it has to remember, it can be killed and started again.
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import { readCases } from './judging/verdict.mjs'
import { Journal, NO_JOURNAL } from './online-judge/journal.mjs'
import { Judge } from './online-judge/judge.mjs'
import { homePage, submissionPage } from './online-judge/pages.mjs'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const MAX_PROGRAM = 8 << 20
/** Bounds for programs that wait to be compiled, and for what is kept. */
const MAX_WAITING = 50
const MAX_WAITING_EACH = 10
const MAX_KEPT = 1000

const [port = '8000', folder] = process.argv.slice(2)
const journal = folder === undefined ? NO_JOURNAL : new Journal(folder)
const judge = new Judge(await readCases(at('judging/cases')), MAX_KEPT, journal)
await judge.open()
const SAMPLES = await readdir(at('judging/submissions'))
const samples = new Map(
  await Promise.all(
    SAMPLES.map(async (name) => [name, await readFile(at(`judging/submissions/${name}`))]),
  ),
)
const ASSETS = {
  '/style.css': ['text/css', await readFile(at('online-judge/style.css'))],
  '/home.js': ['text/javascript', await readFile(at('online-judge/home.js'))],
  '/submission.js': ['text/javascript', await readFile(at('online-judge/submission.js'))],
}

const server = Fastify({ bodyLimit: MAX_PROGRAM, forceCloseConnections: true })
// No other site can send this type without asking first, so none can submit from a visitor's browser.
server.removeAllContentTypeParsers()
server.addContentTypeParser('application/wasm', { parseAs: 'buffer' }, async (_, body) => body)

server.addHook('onSend', async (_, reply) => {
  reply.header('x-content-type-options', 'nosniff')
  reply.header(
    'content-security-policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  )
})

for (const [path, [type, content]] of Object.entries(ASSETS)) {
  server.get(path, (_, reply) => reply.type(`${type}; charset=utf-8`).send(content))
}
server.get('/samples/:name', (request, reply) => {
  const sample = samples.get(request.params.name)
  if (sample === undefined) return reply.callNotFound()
  return reply.type('application/wasm').send(sample)
})

const html = (reply, page) => reply.type('text/html; charset=utf-8').send(`${page}`)
server.get('/', (_, reply) => html(reply, homePage(judge.latest(20), [...samples.keys()])))
server.get('/submissions/:id', (request, reply) => {
  const submission = judge.find(request.params.id)
  return submission === undefined ? reply.callNotFound() : html(reply, submissionPage(submission))
})

const NAME = { type: 'string', minLength: 1, maxLength: 100 }
const QUERY = { type: 'object', properties: { name: NAME }, required: ['name'] }
server.post('/api/submissions', { schema: { querystring: QUERY } }, async (request, reply) => {
  // A judge with accounts has a better name for a submitter than an address.
  const submitter = request.ip
  if (judge.waiting >= MAX_WAITING) {
    return reply.code(503).header('retry-after', '10').send({ error: 'too many submissions wait' })
  }
  if (judge.waitingOf(submitter) >= MAX_WAITING_EACH) {
    return reply.code(429).header('retry-after', '10').send({ error: 'too many of yours wait' })
  }
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) {
    return reply.code(400).send({ error: 'expected a program as the body' })
  }
  const { id } = await judge.submit(submitter, request.query.name, request.body)
  return reply.code(201).header('location', `/submissions/${id}`).send({ id })
})
server.get('/api/submissions/:id', (request, reply) => {
  const submission = judge.find(request.params.id)
  return submission === undefined ? reply.callNotFound() : reply.send(submission)
})

server.get('/api/submissions/:id/events', (request, reply) => {
  const submission = judge.find(request.params.id)
  if (submission === undefined) return reply.callNotFound()
  // A browser that lost the connection says what it had; all others get everything from the start.
  const first = Number(request.headers['last-event-id'] ?? -1) + 1
  // 204 tells a browser not to ask again.
  if (!(Number.isSafeInteger(first) && first >= 0) || submission.isOver(first)) {
    return reply.code(204).send()
  }
  return reply.type('text/event-stream').send(Readable.from(serverSent(submission, first)))
})

async function* serverSent(submission, first) {
  for await (const { index, event, data } of submission.events(first)) {
    yield `id: ${index}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
  }
}

console.log(await server.listen({ port: Number(port), host: '127.0.0.1' }))
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
await server.close()
judge.close()
