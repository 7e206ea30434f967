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

/** What a judge says about a run, and what the output was compared with. */
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
  /** What identifies its result; a line has it once it was read as a job. */
  readonly id?: unknown
  /** Where the job stands in the input, for people. */
  readonly place: string
  /** How much of the input ends with this job, in the unit of {@link Input.size}. */
  readonly end: number
  /** The job that was made of it, as long as a report wants to show it. */
  made?: Job | undefined
  /** 32 bits that differ for another job. */
  digest(): number
  /**
   * Makes the job; to be called once.
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
  /** What else there is to say about the input. */
  readonly remarks: readonly string[]
  items(): AsyncIterable<Item>
  /** Ends a read that waits. No more items are wanted. */
  close(): Promise<void>
}
