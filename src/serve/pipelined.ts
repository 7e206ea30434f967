import type { Socket } from 'node:net'

/** When as many responses of a connection wait for others, no more of its requests are read. */
const MOST_WAITING = 64

/** The responses of a connection that had to wait for others and are not over. */
interface Line {
  readonly closed: Set<() => void>
  isHeld: boolean
}

/** Each connection has one listener. */
const lines = new WeakMap<Socket, Line>()

/**
 * Says that a response waits for others of its connection. `closed` is called if the connection ends before. Returns what
 * says that the response is over.
 */
export function waitInLine(socket: Socket, closed: () => void): () => void {
  const line = lines.get(socket) ?? begin(socket)
  line.closed.add(closed)
  if (line.closed.size >= MOST_WAITING) {
    line.isHeld = true
    // Node goes on to read after each request of a chunk.
    process.nextTick(() => {
      if (line.isHeld) socket.pause()
    })
  }
  return () => {
    line.closed.delete(closed)
    if (!line.isHeld || line.closed.size >= MOST_WAITING) return
    line.isHeld = false
    socket.resume()
  }
}

function begin(socket: Socket): Line {
  const line = { closed: new Set<() => void>(), isHeld: false }
  lines.set(socket, line)
  socket.once('close', () => {
    for (const closed of line.closed) closed()
  })
  return line
}
