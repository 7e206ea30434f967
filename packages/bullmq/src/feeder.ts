import type { Queue } from 'bullmq'
import { bullJob } from './bull.ts'
import { chunkId } from './keys.ts'
import { jobBytes, MOST_PROGRAMS, packChunk, type PackedJob, type ProgramRef } from './jobs.ts'
import type { Admission, ChunkAddress, Scripts } from './scripts.ts'

/** Jobs of the first chunks, whose run times nobody knows yet. */
const FIRST_JOBS = 32
/** How long the runs of a chunk should take together, in milliseconds. */
const TARGET_MS = 250
export const MOST_JOBS: number = 1024
/** A chunk with this many bytes is full. */
const MOST_BYTES = 1 << 20
/** Chunks that are on their way while the next one is filled. */
const MOST_IN_FLIGHT = 2
/** How long the first job of a chunk waits for others. */
const LINGER_MS = 20
/** How often a producer that has to wait looks again, and when it says that it waits. */
const LOOK_MS = 25
const WARN_MS = 10_000

/** What a feeder needs of its queue. */
export interface FeedPlace {
  readonly scripts: Scripts
  readonly bull: Queue
  /** What the channel owes its readers, without a new chunk. */
  look(): Promise<{ owed: number; bytes: number }>
}

/** How much may be under way. */
export interface FeedOptions {
  readonly submission: string
  readonly channel: string
  /** Jobs of a chunk; undefined: as many as fit their run times. */
  readonly chunkJobs: number | undefined
  readonly maxOwed: number
  readonly maxBytes: number
}

/** Redis does not have what was sent. Results are missing that will not come. */
export class LostJobs extends Error {
  constructor(submission: string, what: string) {
    const advice =
      'let it keep what it has acknowledged (`appendonly yes`, `maxmemory-policy noeviction`)'
    super(`Redis has lost jobs of the submission ${submission}: ${what}; ${advice}`)
  }
}

/** Sends jobs in chunks, one chunk after the other. It waits while too much is under way. */
export class Feeder {
  readonly #place: FeedPlace
  readonly #options: FeedOptions
  #programs: ProgramRef[] = []
  #jobs: Buffer[] = []
  #bytes = 0
  #first = 0
  #taken = 0
  #sent = 0
  #sequence = 0
  #size: number
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> = Promise.resolve()
  /** Chunks on their way to Redis. */
  #inFlight = 0
  #failure: unknown
  #stopped = false
  /** Called when it takes no more. */
  onStop: () => void = () => {}
  /** Results that were read, and that their reader does not hand on yet. */
  held: () => number = () => 0

  constructor(place: FeedPlace, options: FeedOptions) {
    this.#place = place
    this.#options = options
    this.#size = options.chunkJobs ?? FIRST_JOBS
  }

  /** Jobs that were taken. */
  get taken(): number {
    return this.#taken
  }

  /** Jobs that are in Redis. */
  get sent(): number {
    return this.#sent
  }

  /** Whether it takes no more, because the submission was cancelled or cannot be sent. */
  get isStopped(): boolean {
    return this.#stopped || this.#failure !== undefined
  }

  /** Takes no more. */
  stop(): void {
    this.#stopped = true
    this.onStop()
  }

  /** The number of a program in the chunk that is being filled. */
  programNumber(ref: ProgramRef): number {
    const known = this.#programs.indexOf(ref)
    if (known < 0 && this.#programs.length >= MOST_PROGRAMS) void this.flush()
    return known >= 0 ? known : this.#programs.push(ref) - 1
  }

  /** Takes the next job; returns a promise if the caller has to wait. */
  add(job: PackedJob): Promise<void> | undefined {
    const bytes = jobBytes(job)
    this.#jobs.push(bytes)
    this.#bytes += bytes.length
    this.#taken += 1
    const isFull = this.#jobs.length >= this.#size || this.#bytes >= MOST_BYTES
    if (isFull) void this.flush()
    else this.#timer ??= setTimeout(() => void this.flush(), LINGER_MS)
    return this.#inFlight > MOST_IN_FLIGHT ? this.#sending : undefined
  }

  /** Sends what was taken. Resolves when it is in Redis, and there is room for more. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#jobs.length > 0) {
      const { submission, channel } = this.#options
      const count = this.#jobs.length
      const payload = packChunk(this.#programs, this.#first, this.#jobs)
      const chunk = { payload, first: this.#first, count }
      const sequence = this.#sequence
      this.#sequence += 1
      this.#first += count
      this.#programs = []
      this.#jobs = []
      this.#bytes = 0
      this.#inFlight += 1
      const address = { id: chunkId(submission, sequence), submission, channel }
      const send = this.#sending.then(() => this.#send(address, sequence, chunk))
      this.#sending = send
        .catch((error: unknown) => {
          this.#failure ??= error
          this.onStop()
        })
        .finally(() => {
          this.#inFlight -= 1
        })
    }
    return this.#sending
  }

  /** Sends the rest. Rejects with what went wrong. */
  async end(): Promise<void> {
    await this.flush()
    if (this.#failure !== undefined) throw this.#failure
  }

  async #send(
    address: ChunkAddress,
    sequence: number,
    chunk: { payload: Buffer; first: number; count: number },
  ): Promise<void> {
    if (this.#failure !== undefined) return
    const admission = await this.#place.scripts.admit(address, sequence, chunk)
    if (admission.owed < 0) {
      const isGone = admission.owed === -1
      const what = isGone ? 'the submission is not there any more' : 'a chunk of it is missing'
      throw new LostJobs(address.submission, what)
    }
    this.#sent += chunk.count
    const { name, data, opts } = bullJob(address)
    await this.#place.bull.add(name, data, opts)
    await this.#proceed(admission)
  }

  async #proceed({ owed, bytes, finished, busyMs, cancelled }: Admission): Promise<void> {
    if (cancelled) this.stop()
    const { chunkJobs, maxOwed, maxBytes } = this.#options
    if (chunkJobs === undefined && finished > 0) {
      const meanMs = Math.max(busyMs / finished, 0.001)
      this.#size = Math.min(Math.max(Math.round(TARGET_MS / meanMs), 1), MOST_JOBS)
    }
    const began = Date.now()
    let hasWarned = false
    let now = { owed, bytes }
    while (!this.#stopped && (now.owed + this.held() >= maxOwed || now.bytes >= maxBytes)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      now = await this.#place.look()
      if (hasWarned || Date.now() - began < WARN_MS) continue
      hasWarned = true
      const much = `${now.owed + this.held()} results (${now.bytes} bytes of jobs and results)`
      process.emitWarning(
        `wasiexec: a submission waits, because ${much} were not read; read them meanwhile`,
      )
    }
  }
}
