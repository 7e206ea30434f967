import { invalid } from './faults.ts'

/** The names of everything that a queue has in Redis. The braces keep all of it in one slot of a cluster. */
export class Keys {
  /** The prefix of BullMQ's own keys; its queue is named `chunks`. */
  readonly bull: string
  /** Jobs and results of the whole queue, by what became of them. */
  readonly stats: string
  /** Chunks that have not ended, by when they were last looked at. */
  readonly open: string
  /** Programs that are not run any more, with the reason. */
  readonly quarantine: string

  constructor(prefix: string, name: string) {
    for (const [option, value] of [
      ['prefix', prefix],
      ['name', name],
    ] as const)
      if (typeof value !== 'string' || !/^[\w.-]{1,100}$/.test(value))
        throw invalid(option, 'of 1 to 100 letters, digits, `_`, `-` and `.`', value)
    this.bull = `${prefix}:{${name}}`
    this.stats = `${this.bull}:stats`
    this.open = `${this.bull}:open`
    this.quarantine = `${this.bull}:quarantine`
  }

  chunk(id: string): string {
    return `${this.bull}:chunk:${id}`
  }

  /** One bit for each job of a chunk: whether it has its result. */
  done(id: string): string {
    return `${this.bull}:done:${id}`
  }

  submission(id: string): string {
    return `${this.bull}:submission:${id}`
  }

  /** How many jobs were submitted for the readers of a channel, and how many results they have read. */
  channel(id: string): string {
    return `${this.bull}:channel:${id}`
  }

  /** The results of a channel. */
  results(id: string): string {
    return `${this.bull}:results:${id}`
  }

  program(digest: string): string {
    return `${this.bull}:program:${digest}`
  }
}

/** The channel of the results that {@link ProgramQueue.results} reads. */
export const SHARED = 'shared'

/** A chunk's name: its submission, and its number there. */
export function chunkId(submission: string, sequence: number): string {
  return `${submission}.${sequence}`
}

/** What a name of a submission, a channel or a chunk may look like. It becomes part of keys. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.-]{1,120}$/.test(value)
}

/** SHA-256 in hexadecimal. */
export function isDigest(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}
