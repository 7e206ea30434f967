// node examples/session-server.mjs [port [origin…]]: sessions of Python and JavaScript over HTTP. The snippets may fetch
// from these origins, and from nowhere else.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { load } from 'wasiexec'
import { session } from '../guests/tour.mjs'
import { Session } from './sessions/session.mjs'

const [port = '8000', ...origins] = process.argv.slice(2)
const MAX_SESSIONS = 100
const MAX_BODY = 1 << 20
const IDLE_MS = 10 * 60_000

const programs = new Map()
for (const language of ['python', 'javascript']) {
  programs.set(language, await load(await session(language), { compiler: 'tiered' }))
}

/** Sessions by their id, each with what takes its prints and a timer that ends it. */
const sessions = new Map()

class Refused extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

async function open(language) {
  const program = programs.get(language)
  if (program === undefined) throw new Refused(404, `languages: ${[...programs.keys()].join(', ')}`)
  if (sessions.size >= MAX_SESSIONS) throw new Refused(503, 'too many sessions')
  const id = randomUUID()
  const entry = { print: undefined, session: undefined, timer: setTimeout(close, IDLE_MS, id) }
  entry.timer.unref()
  sessions.set(id, entry)
  try {
    entry.session = await Session.open(program, { origins, print: (text) => entry.print?.(text) })
  } catch (error) {
    close(id)
    throw error
  }
  return id
}

function close(id) {
  const entry = sessions.get(id)
  if (entry === undefined) return
  clearTimeout(entry.timer)
  entry.session?.close()
  sessions.delete(id)
}

function opened(id) {
  const entry = sessions.get(id)
  if (entry?.session === undefined) throw new Refused(404, 'there is no such session')
  entry.timer.refresh()
  return entry
}

/** One line of JSON for each print as it happens, and one for how the snippet ended. */
async function run(id, source, response) {
  const entry = opened(id)
  if (entry.print !== undefined) throw new Refused(409, 'the session runs another snippet')
  const send = (line) => response.write(`${JSON.stringify(line)}\n`)
  entry.print = async (printed) => {
    if (!send({ printed })) await new Promise((resolve) => response.once('drain', resolve))
  }
  // Whoever goes away ends the session: nobody knows what its snippet is doing.
  response.once('close', () => response.writableFinished || close(id))
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  const answer = await entry.session.run(source)
  entry.print = undefined
  if (entry.session.isOver) close(id)
  response.end(`${JSON.stringify(answer)}\n`)
}

async function readFile(id, path) {
  const { session } = opened(id)
  try {
    return await session.readFile(path)
  } catch (error) {
    throw new Refused(404, error.message)
  } finally {
    if (session.isOver) close(id)
  }
}

async function body(request) {
  const chunks = []
  let bytes = 0
  // All is read, since a client that still sends may not see an answer.
  for await (const chunk of request) if ((bytes += chunk.length) <= MAX_BODY) chunks.push(chunk)
  if (bytes > MAX_BODY) throw new Refused(413, 'the snippet is too long')
  return Buffer.concat(chunks).toString()
}

async function route(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost')
  const [, id, file] = /^\/sessions(?:\/([^/]+)(?:\/files\/(.+))?)?$/.exec(pathname) ?? []
  const what = `${request.method} ${file ? 'file' : id ? 'session' : pathname}`
  if (what === 'POST /sessions') {
    const made = await open(searchParams.get('language'))
    response.writeHead(201, { 'content-type': 'application/json' })
    response.end(`${JSON.stringify({ id: made })}\n`)
  } else if (what === 'POST session') {
    await run(id, await body(request), response)
  } else if (what === 'GET file') {
    response.end(await readFile(id, decodeURIComponent(file)))
  } else if (what === 'DELETE session') {
    opened(id)
    close(id)
    response.writeHead(204).end()
  } else {
    throw new Refused(404, 'POST /sessions?language=python')
  }
}

const server = createServer(async (request, response) => {
  try {
    await route(request, response)
  } catch (error) {
    if (response.headersSent) return response.destroy()
    const isAddress = error instanceof URIError || error.code === 'ERR_INVALID_URL'
    response.writeHead(error.status ?? (isAddress ? 400 : 500), {
      'content-type': 'application/json',
    })
    response.end(`${JSON.stringify({ error: error.message })}\n`)
  }
})
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
