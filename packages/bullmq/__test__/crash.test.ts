// Every job ends exactly once in the results, whatever is killed. `npm run test:scale` does this with 100,000 jobs.
import type { ExecutionContext } from 'ava'
import type { ProgramQueue, QueueResult } from '../src/index.ts'
import { forkWorker, openQueue, watPath, type WorkerProcess } from './support/queues.ts'
import { onEach } from './support/servers.ts'

const JOBS = Number(process.env['WASIEXEC_TEST_JOBS'] ?? 5000)
/** Kills of workers on the way. */
const KILLS = JOBS > 50_000 ? 40 : 6
const WORKER = { lockMs: 1000, runtime: { threads: 2 } }

/** Makes ready to submit jobs that exit with a code of their own; one in twenty sleeps first. */
async function submitMany(queue: ProgramQueue): Promise<() => Promise<unknown>> {
  const [exit, sleep] = await Promise.all([
    queue.addProgram(watPath('exit-argv')),
    queue.addProgram(watPath('sleep-argv')),
  ])
  function* jobs(): Generator<{ id: number; program?: typeof sleep; args: string[] }> {
    for (let id = 0; id < JOBS; id += 1)
      yield id % 20 === 0 ? { id, program: sleep, args: ['5'] } : { id, args: [`${id % 256}`] }
  }
  return () => queue.submit(jobs(), { program: exit, chunkJobs: 100 })
}

function check(t: ExecutionContext, { id, outcome, error }: QueueResult<number>): void {
  const code = id % 20 === 0 ? 0 : id % 256
  if (outcome?.kind === 'exit' && outcome.code === code) return
  t.fail(`job ${id}: expected exit ${code}, got ${outcome?.kind ?? error?.message}`)
}

/** Calls `step` with its number each time another part of the jobs has ended. */
async function readAll(
  t: ExecutionContext,
  queue: ProgramQueue,
  step: (number: number) => Promise<void>,
): Promise<void> {
  const seen = new Uint8Array(JOBS)
  let count = 0
  let steps = 0
  let stepping = Promise.resolve()
  const submit = await submitMany(queue)
  const submitting = submit()
  for await (const results of queue.chunks<number>()) {
    for (const result of results) {
      check(t, result)
      seen[result.id]! += 1
      count += 1
    }
    for (; steps < Math.floor((count * (KILLS + 1)) / JOBS) && steps < KILLS; steps += 1) {
      const number = steps
      stepping = stepping.then(() => step(number))
    }
  }
  await Promise.all([submitting, stepping])
  t.deepEqual(
    [...seen.entries()].filter(([, times]) => times !== 1),
    [],
  )
  t.is(steps, KILLS)
}

onEach(
  `${JOBS} jobs, workers are killed and the server crashes: none is lost, none comes twice`,
  async (t, server) => {
    const queue = openQueue(t, server)
    queue.on('error', () => {})
    const workers: WorkerProcess[] = await Promise.all(
      [0, 1, 2].map(() => forkWorker(t, server, WORKER)),
    )
    await readAll(t, queue, async (number) => {
      if (number === KILLS / 2) {
        await server.stop('SIGKILL')
        await server.start()
      }
      const victim = Math.floor(Math.random() * workers.length)
      await workers[victim]!.end('SIGKILL')
      workers[victim] = await forkWorker(t, server, WORKER)
    })
    const { submitted, finished, read } = await queue.progress()
    t.deepEqual({ submitted, finished, read }, { submitted: JOBS, finished: JOBS, read: JOBS })
    t.deepEqual(await queue.quarantined(), [])
  },
)
