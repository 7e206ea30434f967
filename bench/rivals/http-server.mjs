// A server of its own: http-server.mjs wasiexec|node PROGRAM. Prints its port.
import { createServer } from 'node:http'

const [kind, path] = process.argv.slice(2)
let respond = (request, response) => {
  response.writeHead(200, ['content-length', '6'])
  response.end('hello\n')
}
if (kind === 'wasiexec') {
  const { load } = await import('../../dist/index.mjs')
  const program = await load(path, { compiler: 'optimizing' })
  const { node } = await program.serve({ limits: { cpuMs: 100 } })
  respond = node
}
const server = createServer(respond)
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
