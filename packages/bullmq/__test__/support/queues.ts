// Queues and workers of tests, closed when their tests end.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { Runtime } from 'wasiexec'
import { PATIENCE_MS } from '../../../../__test__/support/patience.ts'
import {
  ProgramQueue,
  ProgramWorker,
  type ProgramQueueOptions,
  type ProgramWorkerOptions,
} from '../../src/index.ts'
import type { Server } from './servers.ts'

export { watPath } from '../../../../__test__/support/guest.ts'

/** The name of the queue in every test: each has a server of its own. */
export const QUEUE = 'tests'

export function openQueue(
  t: ExecutionContext,
  server: Server,
  options: Partial<ProgramQueueOptions> = {},
): ProgramQueue {
  const queue = new ProgramQueue(QUEUE, { connection: server.url, ...options })
  t.teardown(() => queue.close())
  return queue
}

/** A worker in this process. It is lost to nobody, so its lock is long. */
export async function openWorker(
  t: ExecutionContext,
  server: Server,
  options: Partial<ProgramWorkerOptions> = {},
  queue: string = QUEUE,
): Promise<ProgramWorker> {
  const worker = new ProgramWorker(queue, {
    connection: server.url,
    load: { cache: false },
    ...options,
  })
  t.teardown(() => worker.drain())
  await worker.ready()
  return worker
}

/** A worker in a process of its own, which can be killed. */
export class WorkerProcess {
  #child: ChildProcess

  constructor(child: ChildProcess) {
    this.#child = child
  }

  get pid(): number {
    return this.#child.pid!
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    if (this.hasEnded) return this.#child.exitCode
    const exit = once(this.#child, 'exit')
    this.#child.kill(signal)
    const [code] = (await exit) as [number | null]
    return code
  }

  /** Resolves when it has ended. */
  async ended(): Promise<void> {
    if (!this.hasEnded) await once(this.#child, 'exit')
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }
}

/** The name of a program whose runs end the processes of {@link forkWorker} after a moment. */
export const POISON = 'poison.wasm'

/** Starts one; resolves when it takes jobs. */
export async function forkWorker(
  t: ExecutionContext,
  server: Server,
  options: Omit<ProgramWorkerOptions, 'connection'> = {},
): Promise<WorkerProcess> {
  const script = fileURLToPath(new URL('worker.mjs', import.meta.url))
  const given = { ...options, connection: server.url, load: { cache: false } }
  const child = fork(script, [QUEUE, JSON.stringify(given), POISON], { stdio: 'inherit' })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'message')
  return new WorkerProcess(child)
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('waited for too long')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** All that an iterable returns. */
export async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const value of values) list.push(value)
  return list
}

/** A runtime for the programs that tests run beside a queue. */
export function openRuntime(t: ExecutionContext): Runtime {
  const runtime = new Runtime({ threads: 1, cacheDir: false })
  t.teardown(() => runtime.close())
  return runtime
}
