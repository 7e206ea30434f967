import { kindOf, packResult, type End } from './results.ts'
import type { JobEnd } from './runner.ts'
import type { ChunkAddress, Finished, Scripts, StoredResult } from './scripts.ts'
import { WasiexecError } from 'wasiexec'

/** Results are written at the latest when this many wait, or this many bytes, or after this time. */
const MOST_RESULTS = 256
const MOST_BYTES = 4 << 20
const WAIT_MS = 10
/** Redis does not take values of 512 MiB. */
const LARGEST = 256 << 20

/** What is to be told of results that were written. */
export interface WriterEvents {
  written(end: End, isFirst: boolean): void
  /** Somebody has cancelled the submission, or has taken the chunk over. */
  finished(told: Finished): void
}

/** Writes the results of a chunk, many at a time and one write after the other. */
export class ResultWriter {
  readonly #scripts: Scripts
  readonly #address: ChunkAddress
  readonly #owner: string
  readonly #events: WriterEvents
  /** Whether every result is written at once, because the next job may cost the worker. */
  readonly #isCareful: boolean
  #waiting: { result: StoredResult; end: End }[] = []
  #bytes = 0
  #writing: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #failure: unknown

  constructor(
    scripts: Scripts,
    address: ChunkAddress,
    owner: string,
    events: WriterEvents,
    isCareful: boolean,
  ) {
    this.#scripts = scripts
    this.#address = address
    this.#owner = owner
    this.#events = events
    this.#isCareful = isCareful
  }

  /** Takes ends; resolves when there is room for more. Rejects when results cannot be written. */
  async take(ends: readonly JobEnd[]): Promise<void> {
    for (const { place, job, end } of ends) {
      const bytes = packed(job.index, job.id, end)
      this.#waiting.push({ result: { index: place, kind: kindOf(end), bytes }, end })
      this.#bytes += bytes.length
    }
    const isFull = this.#waiting.length >= MOST_RESULTS || this.#bytes >= MOST_BYTES
    if (isFull || this.#isCareful) return this.flush()
    this.#timer ??= setTimeout(() => void this.flush().catch(() => {}), WAIT_MS)
  }

  /** Writes what waits. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing = this.#writing.then(() => this.#write())
    // Whoever flushes next is told.
    this.#writing.catch(() => {})
    return this.#writing
  }

  async #write(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    while (this.#waiting.length > 0) {
      const part = this.#next()
      const busyMs = part.reduce((sum, { end }) => sum + (end.outcome?.usage.wallMs ?? 0), 0)
      try {
        const results = part.map(({ result }) => result)
        const told = await this.#scripts.finish(this.#address, this.#owner, busyMs, results)
        // Which of several were the first does not matter: their numbers are counted.
        for (const [at, { end }] of part.entries()) this.#events.written(end, at < told.accepted)
        this.#events.finished(told)
      } catch (error) {
        this.#failure = error
        throw error
      }
    }
  }

  /** As many as go into one write. */
  #next(): { result: StoredResult; end: End }[] {
    let bytes = 0
    let count = 0
    for (const { result } of this.#waiting.slice(0, MOST_RESULTS)) {
      if (count > 0 && bytes + result.bytes.length > MOST_BYTES) break
      bytes += result.bytes.length
      count += 1
    }
    this.#bytes -= bytes
    return this.#waiting.splice(0, count)
  }
}

function packed(index: number, id: unknown, end: End): Buffer {
  let bytes: Buffer
  try {
    bytes = packResult(index, id, end)
    if (bytes.length <= LARGEST) return bytes
  } catch (error) {
    return packResult(index, id, { error: new WasiexecError('ERR_INTERNAL', String(error)) })
  }
  const message = `the result has ${bytes.length} bytes, and a queue takes ${LARGEST}: lower \`limits.outputBytes\` or \`collect\` less`
  return packResult(index, id, { error: new WasiexecError('ERR_OUT_OF_RESOURCES', message) })
}
