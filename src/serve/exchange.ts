import { Buffer } from 'node:buffer'
import type { LiveResponse, OutputEvents } from '../port/pipes.ts'
import { PIPE, RESPONSE_END } from '../protocol.ts'
import { decodeHeaders } from './head.ts'

/** The guest is told what was taken each time it is this much. */
const TELL_BYTES = PIPE.window / 2

/** Content Too Large. */
const TOO_LARGE = 413
const TOO_LARGE_PROBLEM = 'the body of the request is larger than `limits.requestBytes`'

/** What a client is sent. */
export interface Client {
  /**
   * The head, and the first bytes of the body, or the whole. `headers` are names and values, one after the other. Returns
   * whether there is room for more; if not, {@link Exchange.drained} is to be called when there is. Undefined if nothing
   * can be sent.
   */
  begin(
    status: number,
    headers: readonly string[],
    body: Bytes,
    /** Undefined if the body is not whole. */
    trailers: readonly string[] | undefined,
  ): boolean | undefined
  /** More of the body; returns the same. */
  write(bytes: Bytes): boolean
  /** The body is whole; names and values of trailers follow, one after the other. */
  end(trailers: readonly string[]): void
  /** The body breaks off. */
  breakOff(): void
  /** There is no response. `fault` is that of the host, if there is one. */
  refuse(fault: unknown): void
  /** There is none: the body of the request is larger than it may be. */
  tooLarge(): void
}

/** Bytes of a body. */
export type Bytes = Buffer<ArrayBuffer>

/**
 * What became of a response.
 *
 * @example
 * const isWhole = ({ status, complete }: Sent) => complete && status < 500
 */
export interface Sent {
  /** 500 if the handler gave none. */
  readonly status: number
  /** Whether it was sent to its end. */
  readonly complete: boolean
  /** Why not; may contain text of the guest's. */
  readonly problem?: string
}

/** One request that a run serves, as far as its response. */
export class Exchange implements LiveResponse {
  readonly #client: Client
  #run: Pick<OutputEvents, 'taken'> | undefined
  #status: number | undefined
  #headers: readonly string[] = []
  /** What came before the client was told of the head. */
  #early: Bytes[] | undefined = []
  /** Bytes for which the client had no room, and those that it has, of which the guest was not told. */
  #held = 0
  #untold = 0
  #isOver = false
  #trailers: readonly string[] | undefined
  #problem: string | undefined

  constructor(client: Client) {
    this.#client = client
  }

  get sent(): Sent {
    const sent = { status: this.#status ?? 500, complete: this.#trailers !== undefined }
    return this.#problem === undefined ? sent : { ...sent, problem: this.#problem }
  }

  connect(run: Pick<OutputEvents, 'taken'>): void {
    this.#run = run
  }

  head(status: number, headers: Buffer): void {
    if (this.#isOver) return
    this.#status = status
    this.#headers = decodeHeaders(headers)
    // What comes together with the head is passed on together with it.
    process.nextTick(() => this.#begin())
  }

  write(bytes: Buffer): void {
    if (this.#isOver) return
    this.#held += bytes.length
    if (this.#early !== undefined) this.#early.push(bytes as Bytes)
    else if (this.#client.write(bytes as Bytes)) this.drained()
  }

  /** The client has room again. */
  drained(): void {
    this.#untold += this.#held
    this.#held = 0
    if (this.#untold < TELL_BYTES || this.#isOver) return
    this.#run?.taken(this.#untold)
    this.#untold = 0
  }

  end(how: number, content: Buffer): void {
    if (this.#isOver) return
    if (how === RESPONSE_END.whole && this.#status !== undefined) {
      this.#isOver = true
      this.#trailers = decodeHeaders(content)
      if (this.#early === undefined) this.#client.end(this.#trailers)
    } else if (how === RESPONSE_END.tooLarge && this.#status === undefined) {
      this.#isOver = true
      this.#status = TOO_LARGE
      this.#problem = TOO_LARGE_PROBLEM
      this.#client.tooLarge()
    } else {
      const isTooLarge = how === RESPONSE_END.tooLarge
      this.#fail(isTooLarge ? TOO_LARGE_PROBLEM : content.toString(), undefined)
    }
  }

  close(fault: unknown): void {
    if (!this.#isOver) this.#fail('the run ended before its response was complete', fault)
    else if (this.#trailers !== undefined) this.#begin()
  }

  #begin(): void {
    const early = this.#early
    if (early === undefined) return
    this.#early = undefined
    const body = early.length === 1 ? early[0]! : Buffer.concat(early)
    const hasRoom = this.#client.begin(this.#status!, this.#headers, body, this.#trailers)
    if (hasRoom === true) this.drained()
    if (hasRoom !== undefined) return
    this.#isOver = true
    this.#trailers = undefined
    this.#problem ??= 'the response could not be sent'
  }

  #fail(why: string, fault: unknown): void {
    this.#isOver = true
    this.#problem = why
    if (this.#status === undefined) {
      this.#client.refuse(fault)
      return
    }
    this.#begin()
    this.#client.breakOff()
  }
}
