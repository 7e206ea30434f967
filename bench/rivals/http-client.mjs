// Asks a server as often as it answers: http-client.mjs PORT CONNECTIONS SECONDS [LOOPING]. With LOOPING, one more
// connection asks for a guest that loops. Prints requests per second and the 50th and 99th percentile in milliseconds.
// It reads as little of HTTP as it needs, so that most of the machine is the server's.
import { connect } from 'node:net'

const [port, connections, seconds, looping] = process.argv.slice(2)
const latencies = []
let measures = false
let ends = 0

/** Calls `answered` for each response: its length is said, or it is chunked. */
function ask(path, answered) {
  const socket = connect(Number(port), '127.0.0.1')
  const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
  let text = ''
  let asked = 0
  const next = () => {
    asked = performance.now()
    socket.write(request)
  }
  socket.setNoDelay(true)
  socket.setEncoding('latin1')
  socket.on('connect', next)
  socket.on('data', (chunk) => {
    text += chunk
    const head = text.indexOf('\r\n\r\n')
    if (head < 0) return
    const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1]
    const isWhole =
      length === undefined ? text.endsWith('0\r\n\r\n') : text.length >= head + 4 + Number(length)
    if (!isWhole) return
    answered(text, performance.now() - asked)
    text = ''
    if (ends === 0 || performance.now() < ends) next()
    else socket.end()
  })
  socket.on('error', (error) => {
    throw error
  })
}

for (let count = 0; count < Number(connections); count += 1) {
  ask('/', (text, latency) => {
    if (!text.startsWith('HTTP/1.1 200')) throw new Error(text)
    if (measures && performance.now() < ends) latencies.push(latency)
  })
}
if (looping !== undefined) ask('/loop', () => {})
setTimeout(() => {
  measures = true
  ends = performance.now() + Number(seconds) * 1000
}, 500)
process.on('exit', () => {
  latencies.sort((a, b) => a - b)
  const at = (part) => latencies[Math.floor(latencies.length * part)]
  console.log(JSON.stringify([latencies.length / Number(seconds), at(0.5), at(0.99)]))
})
