import type { ReadableStream } from 'node:stream/web'

/** Reads a web stream. Unlike its own iterator, this one is closed at once, in the middle of a read too. */
export function readerOf(stream: ReadableStream<unknown>): AsyncIterator<unknown> {
  const reader = stream.getReader()
  return {
    next: () => reader.read() as Promise<IteratorResult<unknown>>,
    return: async () => {
      await reader.cancel()
      return { done: true, value: undefined }
    },
  }
}
