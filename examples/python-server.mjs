// node examples/python-server.mjs [port]: POST a snippet of Python, get how it ended as JSON.
import { createServer } from 'node:http'
import { loadPython, runPython } from './python.mjs'

const MAX_SNIPPET = 1 << 20

const python = await loadPython()
const server = createServer(async (request, response) => {
  const respond = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(`${JSON.stringify(body)}\n`)
  }
  if (request.method !== 'POST') return respond(405, { error: 'POST a snippet' })
  try {
    const chunks = []
    let bytes = 0
    // All is read, since a client that still sends may not see an answer.
    for await (const chunk of request) {
      if ((bytes += chunk.length) <= MAX_SNIPPET) chunks.push(chunk)
    }
    if (bytes > MAX_SNIPPET) return respond(413, { error: 'too long' })
    respond(200, await runPython(python, Buffer.concat(chunks)))
  } catch (error) {
    respond(500, { error: error.message })
  }
})
server.listen(Number(process.argv[2] ?? 8000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
