import type { Job, Outcome } from '../../src/index.ts'

/** Why a job of the input cannot be run. */
export class BadJob extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'BadJob'
    this.code = code
  }
}

/** What a judge says of a run, and what it was compared with. */
export interface Judgement {
  readonly verdict: string
  readonly expected: Buffer
}

/** A job as it stands in the input. */
export interface Item {
  /** Which job of the input, from 0. */
  readonly index: number
  /** Its line in the input, from 1. */
  readonly line?: number
  /** What its result is to be known by; of a line, once it has been read as a job. */
  readonly id?: unknown
  /** Where it stands, for people. */
  readonly place: string
  /** How much of the input has been read with it, in the unit of {@link Input.size}. */
  readonly end: number
  /** 32 bits by which another job would be noticed. */
  digest(): number
  /**
   * Once.
   *
   * @throws {BadJob}
   */
  job(): Job
  /** @throws {BadJob} when there is nothing to compare with. */
  judge?(outcome: Outcome): Judgement
}

/** Where the jobs of a batch come from. */
export interface Input {
  /** For messages. */
  readonly name: string
  /** Bytes of the input, or jobs where their number is known. */
  readonly size: number | undefined
  readonly unit: 'bytes' | 'jobs'
  /** Whether `items` can be called more than once. */
  readonly isRereadable: boolean
  /** What else is to be said of it. */
  readonly remarks: readonly string[]
  items(): AsyncIterable<Item>
  /** Ends a read that waits; no more items are wanted. */
  close(): Promise<void>
}
