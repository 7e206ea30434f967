// The guests of the tests, and words for what became of them.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import {
  load,
  WasiexecError,
  type BatchResult,
  type HostError,
  type CallOutcome,
  type LoadOptions,
  type Outcome,
  type Program,
  type Runtime,
} from './package.ts'

/** The path of a tiny guest, by its name in crate/tests/guests. */
export function watPath(name: string): string {
  return fileURLToPath(new URL(`../../crate/tests/guests/${name}.wat`, import.meta.url))
}

const programs = new Map<string, Promise<Program>>()

function once(key: string, make: () => Promise<Program>): Promise<Program> {
  let program = programs.get(key)
  if (program === undefined) programs.set(key, (program = make()))
  return program
}

/** A tiny guest on the shared runtime, loaded once for each test file. */
export function wat(name: string): Promise<Program> {
  return once(`wat ${name}`, () => load(watPath(name), { cache: false }))
}

/** A tiny guest that nobody else has. */
export function ownWat(name: string, options: LoadOptions = {}): Promise<Program> {
  return load(watPath(name), { cache: false, ...options })
}

const unpack = (await import(new URL('../../guests/unpack.mjs', import.meta.url).href)) as {
  guest(name: string): Promise<string>
  guests: readonly string[]
}

/** The names of the real guests. */
export const realGuests: readonly string[] = unpack.guests

/** The path of a real guest, unpacked if it is not yet. */
export function realPath(name: string): Promise<string> {
  return unpack.guest(name)
}

/** Compiled code of the real guests, of which some take seconds; beside them, so that nothing else is touched. */
export const compiled: string = fileURLToPath(
  new URL('../../guests/.unpacked/compiled', import.meta.url),
)

/** A real guest, by its name in guests/README.md; loaded once for each test file and way. */
export function real(name: string, options: LoadOptions = {}): Promise<Program> {
  return once(`real ${name} ${JSON.stringify(options)}`, async () =>
    load(await realPath(name), { cache: compiled, ...options }),
  )
}

/** The ending of a call in one word or two. */
export function callEnding(outcome: CallOutcome | HostError): string {
  return outcome.kind === 'returned' ? 'returned' : ending(outcome)
}

/** What a function throws. */
export async function thrown(use: () => Promise<unknown>): Promise<unknown> {
  try {
    await use()
  } catch (error) {
    return error
  }
  return undefined
}

/** An ending in two words, such as "exit 3". */
export function ending(outcome: Outcome | HostError): string {
  switch (outcome.kind) {
    case 'exit':
      return `exit ${outcome.code}`
    case 'trap':
      return `trap ${outcome.trap.code}`
    case 'limit':
      return `limit ${outcome.limit}`
    case 'abort':
      return 'abort'
    case 'host-error':
      return 'host-error'
    default:
      return outcome satisfies never
  }
}

/** An ending and what was printed: all that is the same in equal runs. */
export function observed(
  outcome: Outcome | HostError,
): [ending: string, stdout: string, stderr: string] {
  return [ending(outcome), outcome.stdout.toString(), outcome.stderr.toString()]
}

/** What became of a job in two words: an ending or an error's code. */
export function summarize({ outcome, error }: BatchResult<unknown, Outcome | HostError>): string {
  return outcome === undefined ? error.code : ending(outcome)
}

/** Why a run of a batch was aborted: the reason, or the code of an error. */
export function abortReason({ outcome }: BatchResult): unknown {
  const reason = outcome?.kind === 'abort' ? outcome.reason : undefined
  return reason instanceof WasiexecError ? reason.code : reason
}

/** All that comes, and what was thrown in the end. */
export async function drain<T>(source: AsyncIterable<T>): Promise<{ all: T[]; thrown: unknown }> {
  const all: T[] = []
  try {
    for await (const item of source) all.push(item)
  } catch (error) {
    return { all, thrown: error }
  }
  return { all, thrown: undefined }
}

/** Waits until something holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setTimeout(1)
}

/** Waits until a runtime has no runs. One count decides: between two, a run may go from the queued to the running. */
export async function idle(runtime: Runtime): Promise<void> {
  await until(() => {
    const { queued, running } = runtime.stats()
    return queued + running === 0
  })
}

/** 0 to `length` - 1. */
export function numbers(length: number): number[] {
  return Array.from({ length }, (_, index) => index)
}

/** A Writable that keeps what it gets, and tells when it has got something. */
export class Sink extends Writable {
  text = ''
  #expected: { text: string; resolve: () => void }[] = []

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('latin1')
    for (const { text, resolve } of this.#expected) if (this.text.includes(text)) resolve()
    done()
  }

  /** Resolves once `text` was written. */
  until(text: string): Promise<void> {
    if (this.text.includes(text)) return Promise.resolve()
    const { promise, resolve } = deferred<void>()
    this.#expected.push({ text, resolve })
    return promise
  }
}

/** A promise and its end. */
export function deferred<T>(): {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: unknown) => void
} {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** A folder that goes with the test. It is emptied more than once: code may be stored in a cache at that moment. */
export async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'wasiexec-test-'))
  t.teardown(() => rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
  return path
}

/** The error's code and message, whatever threw it. */
export async function refusal(
  attempt: Promise<unknown> | (() => unknown),
): Promise<{ name: string; code: string; message: string }> {
  try {
    await (typeof attempt === 'function' ? attempt() : attempt)
  } catch (error) {
    const { name, code, message } = error as { name: string; code: string; message: string }
    return { name, code, message }
  }
  throw new Error('nothing was thrown')
}
