// A run as an instance and a call of its `_start`.
import { WasiexecError, type Outcome, type Program, type RunOptions } from '../../src/index.ts'
import { exit, neverStarted } from '../../src/outcome.ts'

/** Instantiates a command and calls its `_start`; what comes of it is what a run would give. */
export async function runByCall(program: Program, options: RunOptions = {}): Promise<Outcome> {
  // What is closed already is refused, and what is closed later is aborted.
  program.check(options)
  let instance
  try {
    instance = await program.instantiate(options)
  } catch (error) {
    return endingOf(error, options)
  }
  const { stdout, stderr } = instance.initialization
  const outcome = await instance.call('_start')
  await instance[Symbol.asyncDispose]()
  if (outcome.kind !== 'returned') return outcome
  return exit(0, {
    stdout: Buffer.concat([stdout, outcome.stdout]),
    stderr: Buffer.concat([stderr, outcome.stderr]),
    usage: outcome.usage,
  })
}

function endingOf(error: unknown, { signal }: RunOptions): Outcome {
  if (signal?.aborted === true && error === signal.reason) return neverStarted(error)
  if (!(error instanceof WasiexecError)) throw error
  if (error.code === 'ERR_PROGRAM_CLOSED' || error.code === 'ERR_RUNTIME_CLOSED') {
    return neverStarted(error)
  }
  if (error.code !== 'ERR_INSTANTIATE') throw error
  // Without host functions.
  return error.outcome as Outcome
}
