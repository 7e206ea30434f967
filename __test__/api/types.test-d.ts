// Type tests: checked by `npm run typecheck` against the built package, never run.
import { expectTypeOf } from 'expect-type'
import type * as cjs from 'wasiexec' with { 'resolution-mode': 'require' }
import * as esm from 'wasiexec'
import { describeOutcome, load, loadSync, orThrow, run } from 'wasiexec'
import type {
  Batch,
  BatchOptions,
  BatchResult,
  BatchSummary,
  CallJob,
  CallOutcome,
  CallResult,
  CallValues,
  Exit,
  Inspection,
  Instance,
  InstantiateOptions,
  Job,
  JsonOutcome,
  Limits,
  LoadOptions,
  Outcome,
  Pool,
  Program,
  Returned,
  RunOptions,
  WasiexecError,
} from 'wasiexec'

// A class is one type to ESM and CommonJS callers.
expectTypeOf<cjs.Program>().toEqualTypeOf<esm.Program>()
expectTypeOf<cjs.Outcome>().toEqualTypeOf<esm.Outcome>()

expectTypeOf(load).parameter(0).toEqualTypeOf<string | URL | Uint8Array>()
expectTypeOf(load).parameter(1).toEqualTypeOf<LoadOptions | undefined>()
expectTypeOf(load).returns.resolves.toEqualTypeOf<Program>()
expectTypeOf(loadSync).returns.toEqualTypeOf<Program>()
expectTypeOf(run).returns.resolves.toEqualTypeOf<Outcome>()

// A run answers with a plain value whose `kind` leads to everything else.
export async function describe(program: Program, options: RunOptions): Promise<string> {
  const outcome = await program.run(options)
  expectTypeOf(outcome).toEqualTypeOf<Outcome>()
  expectTypeOf(outcome.ok).toEqualTypeOf<boolean>()
  expectTypeOf(outcome.stdout).toEqualTypeOf<Buffer>()
  switch (outcome.kind) {
    case 'exit':
      expectTypeOf(outcome.code).toEqualTypeOf<number>()
      return 'exit'
    case 'trap':
      expectTypeOf(outcome.trap.message).toEqualTypeOf<string>()
      return outcome.trap.code
    case 'limit':
      expectTypeOf(outcome.limit).toEqualTypeOf<'timeout' | 'cpu' | 'fuel' | 'memory' | 'output'>()
      return outcome.limit
    case 'abort':
      expectTypeOf(outcome.reason).toEqualTypeOf<unknown>()
      return 'abort'
    default:
      return outcome satisfies never
  }
}

// JSON has the same `kind`s, and text in place of bytes.
export function parsed(outcome: JsonOutcome): unknown {
  expectTypeOf(outcome.kind).toEqualTypeOf<Outcome['kind']>()
  expectTypeOf(outcome.stdout).toEqualTypeOf<string>()
  expectTypeOf(outcome.stdoutBase64).toEqualTypeOf<string | undefined>()
  expectTypeOf(outcome.usage.fuel).toEqualTypeOf<number | string | undefined>()
  switch (outcome.kind) {
    case 'exit':
      return outcome.code
    case 'trap':
      return outcome.trap.frames
    case 'limit':
      return outcome.limit
    case 'abort':
      return outcome.reason
    default:
      return outcome satisfies never
  }
}

expectTypeOf(describeOutcome).toBeCallableWith({} as Outcome)
expectTypeOf(describeOutcome).toBeCallableWith({} as JsonOutcome)

// The ids of the jobs are those of the results; either there is an outcome or an error.
export async function judge(program: Program): Promise<BatchSummary> {
  const jobs = [1, 2].map((id) => ({ id, args: [`${id}`] }))
  const batch = program.batch(jobs, { ordered: false })
  expectTypeOf(batch).toEqualTypeOf<Batch<number>>()
  for await (const result of batch) {
    expectTypeOf(result).toEqualTypeOf<BatchResult<number>>()
    expectTypeOf(result.id).toEqualTypeOf<number>()
    expectTypeOf(result.outcome).toEqualTypeOf<Outcome | undefined>()
    if (result.error !== undefined) {
      expectTypeOf(result.error).toEqualTypeOf<WasiexecError>()
      expectTypeOf(result.outcome).toEqualTypeOf<undefined>()
    } else {
      expectTypeOf(result.outcome).toEqualTypeOf<Outcome>()
    }
    const { outcome, error } = result
    expectTypeOf(outcome === undefined ? error : undefined).toEqualTypeOf<
      WasiexecError | undefined
    >()
  }
  expectTypeOf(batch.chunks()).toEqualTypeOf<AsyncIterable<BatchResult<number>[]>>()
  expectTypeOf(batch.summary).resolves.toEqualTypeOf<BatchSummary>()
  return batch.summary
}

// Jobs come from anything that can be iterated over, and share what they have in common.
export function transform(program: Program, lines: AsyncIterable<string>): void {
  async function* toJobs(): AsyncGenerator<Job<string>> {
    for await (const line of lines) yield { id: line, stdin: line, program }
  }
  expectTypeOf(program.batch(toJobs())).toEqualTypeOf<Batch<string>>()
  expectTypeOf(program.batch(new Set([{ args: ['a'] }]))).toEqualTypeOf<Batch<unknown>>()
  expectTypeOf(program.batch(toJobs(), { stopOn: ({ id }) => id === '' })).toEqualTypeOf<
    Batch<string>
  >()
  const deadlines: BatchOptions[] = [{ deadline: Date.now() + 1000 }, { deadline: new Date() }]
  void deadlines.map((options) => program.batch([], options))
  void program.batch([], { defaults: { limits: { fuel: 1 }, stdout: process.stdout } })
  // @ts-expect-error: a batch has a signal of its own
  void program.batch([], { defaults: { signal: AbortSignal.abort() } })
  // @ts-expect-error: not an option of a run
  void program.batch([{ arg: ['a'] }])
  // @ts-expect-error: a text is no list of jobs
  void program.batch('args')
}

// `using` closes a program.
export async function scoped(): Promise<void> {
  using program = await load('hello.wasm')
  expectTypeOf(program).toEqualTypeOf<Program>()
  expectTypeOf(program.name).toEqualTypeOf<string>()
  expectTypeOf(program.kind).toEqualTypeOf<'module' | 'component'>()
  expectTypeOf(program.wasi).toEqualTypeOf<'p0' | 'p1' | 'p2' | 'p3' | 'none'>()
  expectTypeOf(program.runSync()).toEqualTypeOf<Outcome>()
}

// `orThrow` leaves exit code 0 alone.
export function unwrap(outcome: Outcome): void {
  expectTypeOf(orThrow(outcome)).toEqualTypeOf<Exit & { code: 0 }>()
}

// Units stand in the names; every option may be left out.
expectTypeOf({}).toExtend<RunOptions>()
expectTypeOf<Required<Limits>>().toHaveProperty('timeoutMs')
expectTypeOf<Required<Limits>>().toHaveProperty('memoryBytes')

// @ts-expect-error: a program is loaded, not constructed
void new esm.Program()
// @ts-expect-error: not one of the words for stdout
void run('hello.wasm', { stdout: 'discard' })
// @ts-expect-error: an outcome is read, not written
export const forge = (outcome: Exit): void => void (outcome.code = 0)

expectTypeOf<Program['serialize']>().returns.resolves.toEqualTypeOf<Buffer>()
expectTypeOf<Program['inspect']>().returns.resolves.toEqualTypeOf<Inspection>()
expectTypeOf<Inspection['imports'][number]['provided']>().toEqualTypeOf<boolean>()
expectTypeOf<RunOptions['onBrokenPipe']>().toEqualTypeOf<'fail' | 'stop' | undefined>()
expectTypeOf<LoadOptions['trustPrecompiled']>().toEqualTypeOf<boolean | undefined>()

// Functions of an instance have the types that the caller gives.
interface Functions {
  add(a: number, b: number): number
  add64(a: bigint, b: bigint): bigint
  pair(): [number, bigint]
  nothing(): void
}

export async function calls(program: Program, options: InstantiateOptions): Promise<void> {
  const instance = await program.instantiate<Functions>(options)
  expectTypeOf(instance).toEqualTypeOf<Instance<Functions>>()
  expectTypeOf(instance.exports.add).toEqualTypeOf<(a: number, b: number) => Promise<number>>()
  expectTypeOf(instance.exports.nothing).returns.resolves.toEqualTypeOf<void>()
  const sum = await instance.call('add', 1, 2)
  expectTypeOf(sum).toEqualTypeOf<CallOutcome<readonly [number]>>()
  if (sum.kind === 'returned') expectTypeOf(sum.values[0]).toEqualTypeOf<number>()
  else expectTypeOf(sum).toEqualTypeOf<Outcome>()
  const nothing = instance.callSync('nothing')
  if (nothing.kind === 'returned') expectTypeOf(nothing.values).toEqualTypeOf<readonly []>()
  const pair = instance.callSync('pair')
  if (pair.kind === 'returned') {
    expectTypeOf(pair.values).toEqualTypeOf<Readonly<[number, bigint]>>()
  }
  const limited = instance.with({ limits: { timeoutMs: 1 } })
  expectTypeOf(await limited.call('add64', 1n, 2n)).toEqualTypeOf<CallOutcome<readonly [bigint]>>()
  // @ts-expect-error no function of that name
  await instance.call('missing')
  // @ts-expect-error an argument is missing
  await instance.call('add', 1)
  // @ts-expect-error an i64 is a bigint
  await instance.call('add64', 1, 2)
  // @ts-expect-error memory belongs to the instance
  instance.with({ limits: { memoryBytes: 1 } })
  const pool = program.pool<Functions>({ instances: 4 })
  expectTypeOf(pool).toEqualTypeOf<Pool<Functions>>()
  expectTypeOf(pool.value('add', 1, 2)).toEqualTypeOf<Promise<number>>()

  // Without types, functions take and return numbers.
  const any = await program.instantiate()
  const outcome = await any.call('anything', 1, 2n)
  expectTypeOf(outcome).toEqualTypeOf<CallOutcome<CallValues>>()
  if (outcome.kind === 'returned') expectTypeOf(outcome).toEqualTypeOf<Returned<CallValues>>()
}

export function batchOfCalls(program: Program, jobs: CallJob<string>[]): void {
  const batch = program.batch(jobs, { state: 'fresh' })
  expectTypeOf(batch).toEqualTypeOf<Batch<string, CallResult<string>>>()
  expectTypeOf(program.batch([{ args: ['a'] }])).toEqualTypeOf<Batch<unknown>>()
}
