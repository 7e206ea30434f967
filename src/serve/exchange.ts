import type { Buffer } from 'node:buffer'
import type { LiveResponse, OutputEvents } from '../port/pipes.ts'
import { PIPE, RESPONSE_END } from '../protocol.ts'
import { decodeHeaders } from './head.ts'

/** The guest is told what was taken each time it is this much. */
const TELL_BYTES = PIPE.window / 2

/** What a client is sent. */
export interface Client {
  /** `headers` are names and values, one after the other. */
  begin(status: number, headers: readonly string[]): void
  /** More of the body; `taken` is to be called with the number of bytes that the client has room for again. */
  write(bytes: Buffer): void
  /** The body is whole. */
  end(): void
  /** The body breaks off. */
  breakOff(): void
  /** There is no response. `fault` is that of the host, if there is one. */
  refuse(fault: unknown): void
}

/** What became of a response. */
export interface Sent {
  /** Its status; 500 if the handler gave none. */
  readonly status: number
  /** Whether it was sent as the handler gave it, to its end. */
  readonly complete: boolean
  /** Why it was not; may contain text of the guest's. */
  readonly problem?: string
}

/** One request that a run serves, as far as its response. */
export class Exchange implements LiveResponse {
  readonly #client: Client
  #run: Pick<OutputEvents, 'taken'> | undefined
  /** Bytes that were taken, of which the guest was not told. */
  #untold = 0
  #status: number | undefined
  #isOver = false
  #isComplete = false
  #problem: string | undefined

  constructor(client: Client) {
    this.#client = client
  }

  get sent(): Sent {
    const sent = { status: this.#status ?? 500, complete: this.#isComplete }
    return this.#problem === undefined ? sent : { ...sent, problem: this.#problem }
  }

  connect(run: Pick<OutputEvents, 'taken'>): void {
    this.#run = run
  }

  head(status: number, headers: Buffer): void {
    if (this.#isOver) return
    this.#status = status
    this.#client.begin(status, decodeHeaders(headers))
  }

  write(bytes: Buffer): void {
    if (!this.#isOver) this.#client.write(bytes)
  }

  /** The client has room again. */
  taken(bytes: number): void {
    this.#untold += bytes
    if (this.#untold < TELL_BYTES || this.#isOver) return
    this.#run?.taken(this.#untold)
    this.#untold = 0
  }

  end(how: number, why: string): void {
    if (this.#isOver) return
    if (how === RESPONSE_END.whole) {
      this.#isOver = this.#isComplete = true
      this.#client.end()
    } else this.#fail(why, undefined)
  }

  close(fault: unknown): void {
    if (!this.#isOver) this.#fail('the run ended before its response was complete', fault)
  }

  #fail(why: string, fault: unknown): void {
    this.#isOver = true
    this.#problem = why
    if (this.#status === undefined) this.#client.refuse(fault)
    else this.#client.breakOff()
  }
}
