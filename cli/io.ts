import type { Readable, Writable } from 'node:stream'

/** What ends a command from outside. */
export type InterruptSignal = 'SIGINT' | 'SIGTERM'

/** A Writable that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number }

/** What a command sees of its process. */
export interface Io {
  readonly stdin: Readable
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /** Whether the three are the process's own, which guests can use without a way through JavaScript. */
  readonly inherit: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** Calls `listener` at the first Ctrl-C or SIGTERM; a second one ends the process. Returns how to stop listening. */
  onInterrupt(listener: (signal: InterruptSignal) => void): () => void
}

/** Writes, and resolves when the text is written; rejects with the error of the stream. */
export function print(stream: Writable, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()))
  })
}

/** Pieces of text are written together up to so many characters. */
const PRINTED = 1 << 16

/** Writes texts, each a line in pieces, of which all together may be longer than a string can be. */
export async function printLines(
  stream: Writable,
  lines: Iterable<Iterable<string>>,
): Promise<void> {
  let text = ''
  for (const line of lines) {
    for (const piece of line) {
      text += piece
      if (text.length < PRINTED) continue
      await print(stream, text)
      text = ''
    }
    text += '\n'
  }
  if (text !== '') await print(stream, text)
}

/** Writes one line to stderr; it does not matter if nobody reads it. */
export function say(io: Io, line: string): Promise<void> {
  return print(io.stderr, `${line}\n`).catch(() => {})
}

export { printable } from '../src/words.ts'

/** Whether the reader of a stream has gone, as with `| head`. */
export function hasLostReader(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  return (
    code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' || code === 'ERR_STREAM_WRITE_AFTER_END'
  )
}

/** Reads a stream to its end. */
export async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream as AsyncIterable<string | Uint8Array>) {
    chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
  }
  return Buffer.concat(chunks)
}

/** Whether an error is one of the operating system: a full disk behind stdout, for example. */
export function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error
}
