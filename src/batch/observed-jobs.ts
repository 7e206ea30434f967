import { AsyncResource } from 'node:async_hooks'
import { calls, limitsOf, runs } from '../diagnostics.ts'
import type { BatchPlace } from './jobs.ts'
import { read, type PendingResult } from './lazy-result.ts'

/** What subscribers are told of the jobs of a batch. */
export class ObservedJobs {
  readonly #place: BatchPlace
  readonly #defaults: object
  /** What publishes the end of a job, by its index. */
  readonly #ends = new Map<number, (ending: object) => void>()

  constructor(place: BatchPlace, defaults: object) {
    this.#place = place
    this.#defaults = defaults
  }

  /** Submits a job. */
  submit(index: number, job: unknown, submit: () => void): void {
    const isCall = partOf(job, 'call') !== undefined
    if (isCall ? calls.isObserved : runs.isObserved) {
      const { context } = this.#place
      context.runInAsyncScope(() => this.#begin(index, job, isCall, submit))
    } else submit()
  }

  /** A job has ended; returns its result. */
  ended(pending: PendingResult): PendingResult {
    const end = this.#ends.get(pending.index)
    if (end === undefined) return pending
    this.#ends.delete(pending.index)
    const result = read(pending)
    end(result.outcome === undefined ? { error: result.error } : { outcome: result.outcome })
    return result
  }

  /** Whether the end of any job is to be published. */
  get isAwaited(): boolean {
    return this.#ends.size > 0
  }

  #begin(index: number, job: unknown, isCall: boolean, submit: () => void): void {
    const message = {
      program: this.#programOf(partOf(job, 'program')),
      method: 'batch',
      limits: limitsOf(job, this.#defaults),
      job: { index, id: partOf(job, 'id') },
    } as const
    const act = (end: (ending: object) => void): void => {
      const context = new AsyncResource('wasiexec:job')
      this.#ends.set(index, (ending) => context.runInAsyncScope(end, undefined, ending))
      submit()
    }
    if (isCall) calls.begin({ ...message, function: functionOf(partOf(job, 'call')) }, act)
    else runs.begin(message, act)
  }

  /** The name of a job's program; of one that cannot be run, the name of the batch's. */
  #programOf(program: unknown): string {
    const { owner, ownerOf } = this.#place
    try {
      return (program === undefined ? owner : ownerOf(program)).imports.name
    } catch {
      return owner.imports.name
    }
  }
}

/** A part of a job, which may be anything: whoever submits it says what is wrong. */
function partOf(job: unknown, name: string): unknown {
  try {
    return (job as Record<string, unknown> | null | undefined)?.[name]
  } catch {
    return undefined
  }
}

function functionOf(call: unknown): string {
  return Array.isArray(call) && typeof call[0] === 'string' ? call[0] : ''
}
