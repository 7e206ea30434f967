import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import { hearErrors } from '../wit/readables.ts'
import { readerOf } from '../wit/web-streams.ts'

/** The source of a run's stdin, read as the guest asks for more. */
export class StdinReader {
  readonly #stream: AsyncIterable<unknown>
  #iterator: AsyncIterator<unknown> | undefined
  #closed = false

  constructor(stream: AsyncIterable<unknown>) {
    this.#stream = stream
    if (stream instanceof Readable) hearErrors(stream)
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.#stream === process.stdin ? this.#nextOfProcess() : this.#open().next()
  }

  /** A read that this run no longer waits for belongs to the next run. */
  async #nextOfProcess(): Promise<IteratorResult<unknown>> {
    process.stdin.ref?.()
    processStdin ??= process.stdin.iterator({ destroyOnReturn: false })
    for (;;) {
      const read = (pending ??= processStdin.next())
      const result = await read
      if (this.#closed) return result
      if (pending !== read) continue
      pending = undefined
      return result
    }
  }

  /** Ends the source, even in the middle of a read; what it throws now concerns no run. */
  async close(): Promise<void> {
    this.#closed = true
    try {
      if (this.#stream === process.stdin) {
        // A read that nobody waits for must not keep the process alive.
        if (pending !== undefined) process.stdin.unref?.()
      } else if (this.#stream instanceof Readable) {
        // Not by its iterator, which would wait for the read that is going on, or do nothing before the first.
        this.#stream.destroy()
      } else {
        await this.#open().return?.()
      }
    } catch {}
  }

  #open(): AsyncIterator<unknown> {
    return (this.#iterator ??= iterate(this.#stream))
  }
}

function iterate(stream: AsyncIterable<unknown>): AsyncIterator<unknown> {
  return stream instanceof ReadableStream ? readerOf(stream) : stream[Symbol.asyncIterator]()
}

/** The process still has its stdin after a run, so all runs share one iterator of it. */
let processStdin: AsyncIterator<unknown> | undefined
let pending: Promise<IteratorResult<unknown>> | undefined
