// With WASIEXEC_TEST_THROUGH=spawn, runs go through `spawn`: what a run would capture is read from the guest's streams.
import { buffer } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import type { Outcome, Program, RunOptions, SpawnOptions } from '../../src/index.ts'

/** The cap on captured output: there is none on what is piped. */
const OUTPUT_BYTES = 16 * 1024 * 1024

/** Does what `program.run(options)` does. */
export async function runThroughSpawn(
  program: Program,
  options: RunOptions = {},
): Promise<Outcome> {
  const { guest, piped } = spawn(program, options)
  // The streams are read while it runs: it would wait otherwise.
  const reading = piped.map(async (name) => [name, await buffer(guest[name] as Readable)] as const)
  const settled = Promise.allSettled(reading)
  const outcome = await guest.outcome
  await settled
  return Object.assign(outcome, Object.fromEntries(await Promise.all(reading)))
}

function spawn(program: Program, options: RunOptions) {
  const isObject = typeof options === 'object' && options !== null
  const {
    stdin = 'empty',
    stdout = 'capture',
    stderr = 'capture',
    ...rest
  } = isObject ? options : {}
  const piped = Object.entries({ stdout, stderr }).flatMap(([name, output]) =>
    output === 'capture' ? [name as 'stdout' | 'stderr'] : [],
  )
  // To spawn, this text would be a word.
  const given = stdin === 'pipe' ? Buffer.from(stdin) : stdin
  const outputs: SpawnOptions = { stdout, stderr }
  for (const name of piped) outputs[name] = 'pipe'
  const limits = piped.length === 0 ? rest.limits : { outputBytes: OUTPUT_BYTES, ...rest.limits }
  const spawned: SpawnOptions = { ...rest, stdin: given, ...outputs, limits }
  return { guest: program.spawn(isObject ? spawned : options), piped }
}
