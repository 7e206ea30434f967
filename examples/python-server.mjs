// node examples/python-server.mjs [port]: POST a snippet of Python, get how it ended as JSON.
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { loadPython, runPython } from './python.mjs'

const python = await loadPython()
const server = createServer(async (request, response) => {
  const respond = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(`${JSON.stringify(body)}\n`)
  }
  if (request.method !== 'POST') return respond(405, { error: 'POST a snippet' })
  try {
    respond(200, await runPython(python, await buffer(request)))
  } catch (error) {
    respond(500, { error: error.message })
  }
})
server.listen(Number(process.argv[2] ?? 8000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
