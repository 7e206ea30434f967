import { load, Runtime, type RuntimeStats } from '../../src/index.ts'
import { thrownWords } from '../../src/words.ts'

/** How what was tried has ended. */
export interface Trials {
  readonly stats: RuntimeStats
  /** Milliseconds to compile and run a first program. */
  readonly firstMs: number
  /** Microseconds that a short run takes; a median. */
  readonly runUs: number
  /** Milliseconds by which a limit on time was passed. */
  readonly lateMs: number
  /** What keeps worker processes from running programs; undefined if nothing does. */
  readonly workersFault: string | undefined
}

const RETURNS = new TextEncoder().encode('(module (memory 1) (func (export "_start")))')
const LOOPS = new TextEncoder().encode('(module (func (export "_start") (loop (br 0))))')
const RUNS = 200
const LIMIT_MS = 50

/**
 * Runs small programs.
 *
 * @throws {Error} if one does not run as it must.
 */
export async function tryPrograms(): Promise<Trials> {
  await using runtime = new Runtime()
  const start = performance.now()
  const program = await load(RETURNS, { runtime })
  check((await program.run()).ok, 'a program that returns')
  const firstMs = performance.now() - start
  const times = Array.from({ length: RUNS }, () => {
    const start = performance.now()
    check(program.runSync().ok, 'a program that returns')
    return performance.now() - start
  })
  const loop = await load(LOOPS, { runtime })
  const outcome = await loop.run({ limits: { timeoutMs: LIMIT_MS } })
  check(outcome.kind === 'limit', 'an endless loop')
  return {
    stats: runtime.stats(),
    firstMs,
    runUs: median(times) * 1000,
    lateMs: Math.max(0, outcome.usage.wallMs - LIMIT_MS),
    workersFault: await tryWorkers(),
  }
}

async function tryWorkers(): Promise<string | undefined> {
  try {
    await using runtime = new Runtime({ threads: 1, workers: 'processes', cacheDir: false })
    const program = await load(RETURNS, { runtime })
    check((await program.run()).ok, 'a program that returns')
    return undefined
  } catch (error) {
    return thrownWords(error)
  }
}

function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(`${what} did not end as it must`)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
