import type { Readable } from 'node:stream'

/** Streams that have our listener: one per stream, however often the stream is given. */
const heard = new WeakSet<Readable>()

/** A failure before the first read is reported by that read, if there is one, and is not an uncaught exception. */
export function hearErrors(stream: Readable): void {
  if (heard.has(stream)) return
  heard.add(stream)
  stream.on('error', ignore)
}

function ignore(): void {}
