// Starts worker threads; apart from everything that loads the package.
import { Worker } from 'node:worker_threads'

/** What a worker can do: see worker-tasks.ts. */
export type Task =
  | 'busy'
  | 'work'
  | 'fault'
  | 'exit'
  | 'idle'
  | 'sync'
  | 'wait'
  | 'largeCall'
  | 'processes'
  | 'endless'
  | 'batch'
  | 'talk'
  | 'leave'
  | 'load'

/** @param given What the task works with, if anything. */
export function startTask(task: Task, given?: unknown): Worker {
  return new Worker(new URL('worker-tasks.ts', import.meta.url), {
    workerData: [task, given],
    // Not those of a script given by `--eval`.
    execArgv: ['--import', import.meta.resolve('@oxc-node/core/register')],
  })
}
