// Type tests: checked by `npm run typecheck` against the built package, never run.
import type { Readable, Writable } from 'node:stream'
import { expectTypeOf } from 'expect-type'
import type * as cjs from 'wasiexec' with { 'resolution-mode': 'require' }
import * as esm from 'wasiexec'
import { describeOutcome, load, loadSync, orThrow, run } from 'wasiexec'
import type {
  Batch,
  BatchOptions,
  BatchResult,
  BatchSummary,
  CallingGuest,
  CallJob,
  CallMessage,
  CallOutcome,
  CallResult,
  CallValues,
  Exit,
  HostError,
  HostedRunOptions,
  Imports,
  Files,
  Guest,
  GuestOf,
  Inspection,
  Instance,
  InstantiateMessage,
  InstantiateOptions,
  Job,
  JsonOutcome,
  Limits,
  LoadMessage,
  LoadOptions,
  Outcome,
  Pool,
  Program,
  Returned,
  RunMessage,
  RunOptions,
  SnapshotMessage,
  SpawnOptions,
  WasiexecError,
} from 'wasiexec'

// A class is one type to ESM and CommonJS callers.
expectTypeOf<cjs.Program>().toEqualTypeOf<esm.Program>()
expectTypeOf<cjs.Outcome>().toEqualTypeOf<esm.Outcome>()

expectTypeOf(load).parameter(0).toEqualTypeOf<string | URL | Uint8Array>()
expectTypeOf(load).parameter(1).toEqualTypeOf<LoadOptions | undefined>()
expectTypeOf(load).returns.resolves.toEqualTypeOf<Program>()
expectTypeOf(loadSync).returns.toEqualTypeOf<Program>()
expectTypeOf(run('hello.wasm')).resolves.toEqualTypeOf<Outcome>()

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
      expectTypeOf(outcome.limit).toEqualTypeOf<
        'timeout' | 'cpu' | 'fuel' | 'memory' | 'output' | 'network' | 'request' | 'response'
      >()
      return outcome.limit
    case 'abort':
      expectTypeOf(outcome.reason).toEqualTypeOf<unknown>()
      return 'abort'
    default:
      return outcome satisfies never
  }
}

// With host functions there is a fifth kind; without them there is not.
export async function hosted(program: Program, options: HostedRunOptions): Promise<string> {
  expectTypeOf(program.run()).resolves.toEqualTypeOf<Outcome>()
  expectTypeOf(program.run({ args: ['a'] })).resolves.toEqualTypeOf<Outcome>()
  expectTypeOf(program.run({ imports: {} })).resolves.toEqualTypeOf<Outcome | HostError>()
  expectTypeOf(program.runSync({ imports: {} })).toEqualTypeOf<Outcome | HostError>()
  expectTypeOf(run('a.wasm', { imports: {}, cache: false })).resolves.toEqualTypeOf<
    Outcome | HostError
  >()
  const imports = {
    env: {
      add: (a: number, b: number) => a + b,
      fetchRow: async (id: bigint, { memory }: CallingGuest) =>
        BigInt(memory.read(0, 8).length) + id,
      maybe: undefined,
    },
  }
  expectTypeOf(imports).toExtend<Imports>()
  const defaults = { imports }
  expectTypeOf(program.batch([{ id: 1 }], { defaults })).toEqualTypeOf<
    Batch<number, Outcome | HostError>
  >()
  expectTypeOf(program.batch([{ id: 1, imports }])).toEqualTypeOf<
    Batch<number, Outcome | HostError>
  >()
  // @ts-expect-error: options that may have imports are not those of a run that ends in four ways
  const plain: RunOptions = options
  void plain
  // @ts-expect-error: only functions
  void program.run({ imports: { env: { memory: 1 } } })
  // @ts-expect-error: a thread that waits has no signal
  void program.runSync({ imports: {}, signal: AbortSignal.abort() })
  const outcome = await program.run({ ...options, imports })
  expectTypeOf(orThrow(outcome)).toEqualTypeOf<Exit & { code: 0 }>()
  expectTypeOf(describeOutcome).toBeCallableWith(outcome)
  switch (outcome.kind) {
    case 'host-error':
      expectTypeOf(outcome.error).toEqualTypeOf<unknown>()
      expectTypeOf(outcome.ok).toEqualTypeOf<false>()
      return outcome.stdout.toString()
    case 'exit':
    case 'trap':
    case 'limit':
    case 'abort':
      return outcome.kind
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
expectTypeOf(describeOutcome).toBeCallableWith(
  {} as CallOutcome<readonly [{ tag: 'ok' }]> | HostError,
)

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
expectTypeOf<LoadOptions['sourceMaps']>().toEqualTypeOf<boolean | undefined>()
expectTypeOf<Inspection['features']>().toEqualTypeOf<readonly string[]>()
// @ts-expect-error: configuration is text
load('a.wasm').then((program) => program.run({ config: { a: 5 } }))
// @ts-expect-error: a bucket has keys
load('a.wasm').then((program) => program.run({ keyvalue: { a: 'b' } }))

// Files are text, bytes and directories of these, and come back by path.
expectTypeOf<{ a: string; b: Uint8Array; 'c/': { d: string } }>().toExtend<Files>()
expectTypeOf<RunOptions['files']>().toEqualTypeOf<Files | undefined>()
expectTypeOf<Outcome['files']>().toEqualTypeOf<ReadonlyMap<string, Buffer> | undefined>()
expectTypeOf<JsonOutcome['files']>().toEqualTypeOf<Readonly<Record<string, string>> | undefined>()
// @ts-expect-error: a number is not a file
load('a.wasm').then((program) => program.run({ files: { a: 5 } }))

// A guest has the streams that are piped.
export async function talk(program: Program, options: SpawnOptions): Promise<void> {
  await using guest = program.spawn()
  expectTypeOf(guest).toEqualTypeOf<Guest>()
  expectTypeOf(guest.stdin).toEqualTypeOf<Writable>()
  expectTypeOf(guest.stdout).toEqualTypeOf<Readable>()
  expectTypeOf(await guest.outcome).toEqualTypeOf<Outcome>()
  expectTypeOf(guest.kill).returns.toEqualTypeOf<boolean>()
  expectTypeOf(guest.unref()).toExtend<Guest>()
  for await (const line of guest.lines({ from: 'stderr' }))
    expectTypeOf(line).toEqualTypeOf<string>()

  expectTypeOf(program.spawn({ args: ['a'], signal: AbortSignal.abort() })).toEqualTypeOf<Guest>()
  const captured = program.spawn({ stdin: 'text', stdout: 'capture', stderr: 'pipe' })
  expectTypeOf(captured).toEqualTypeOf<Guest<null, null, Readable>>()
  expectTypeOf(program.spawn({ stdin: process.stdin }).stdin).toEqualTypeOf<null>()
  expectTypeOf(program.spawn({ stdout: undefined }).stdout).toEqualTypeOf<Readable>()
  // Options that are not known yet may pipe or not.
  expectTypeOf(program.spawn(options).stdin).toEqualTypeOf<Writable | null>()
  expectTypeOf<GuestOf<SpawnOptions>['stderr']>().toEqualTypeOf<Readable | null>()
  // @ts-expect-error: only `spawn` has pipes
  void program.run({ stdout: 'pipe' })
  // @ts-expect-error: not one of the streams
  guest.lines({ from: 'stdin' })
}

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
  expectTypeOf(describeOutcome).toBeCallableWith(sum)
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
  // @ts-expect-error sockets belong to the instance
  instance.with({ limits: { sockets: 1 } })
  const pool = program.pool<Functions>({ instances: 4, state: 'fresh' })
  expectTypeOf(pool).toEqualTypeOf<Pool<Functions>>()
  expectTypeOf(pool.value('add', 1, 2)).toEqualTypeOf<Promise<number>>()
  expectTypeOf(pool.with({}).value('add', 1, 2)).toEqualTypeOf<Promise<number>>()
  const hosted = program.pool<Functions>({ imports: {} })
  expectTypeOf(hosted).toEqualTypeOf<Pool<Functions, HostError>>()
  expectTypeOf(await hosted.call('add', 1, 2)).toEqualTypeOf<
    CallOutcome<readonly [number]> | HostError
  >()

  // Without types, functions take and return numbers.
  const any = await program.instantiate()
  const outcome = await any.call('anything', 1, 2n)
  expectTypeOf(outcome).toEqualTypeOf<CallOutcome<CallValues>>()
  if (outcome.kind === 'returned') expectTypeOf(outcome).toEqualTypeOf<Returned<CallValues>>()
}

export function batchOfCalls(program: Program, jobs: CallJob<string>[]): void {
  const batch = program.batch(jobs, { state: 'fresh' })
  expectTypeOf(batch).toEqualTypeOf<Batch<string, CallOutcome>>()
  expectTypeOf<BatchResult<string, CallOutcome>>().toEqualTypeOf<CallResult<string>>()
  const hosted = program.batch(jobs, { defaults: { imports: {} } })
  expectTypeOf(hosted).toEqualTypeOf<Batch<string, CallOutcome | HostError>>()
  expectTypeOf(program.batch([{ args: ['a'] }])).toEqualTypeOf<Batch<unknown>>()
}

export function messages(
  run: RunMessage,
  call: CallMessage,
  instantiate: InstantiateMessage,
  load: LoadMessage,
  snapshot: SnapshotMessage,
): void {
  expectTypeOf(run.outcome).toEqualTypeOf<Outcome | HostError | undefined>()
  expectTypeOf(call.outcome).toEqualTypeOf<CallOutcome | HostError | undefined>()
  expectTypeOf(instantiate.outcome).toEqualTypeOf<Returned<readonly []> | undefined>()
  expectTypeOf(load.kind).toEqualTypeOf<Program['kind'] | undefined>()
  expectTypeOf(load.wasi).toEqualTypeOf<Program['wasi'] | undefined>()
  expectTypeOf(load.compiler).toEqualTypeOf<NonNullable<LoadOptions['compiler']>>()
  for (const { program, limits } of [run, call, instantiate, snapshot]) {
    expectTypeOf(program).toEqualTypeOf<string>()
    expectTypeOf(limits).toEqualTypeOf<Readonly<Limits> | undefined>()
  }
  for (const { error } of [run, call, instantiate, load, snapshot])
    expectTypeOf(error).toBeUnknown()
  // The same, whoever is told.
  expectTypeOf(run.job).toEqualTypeOf(call.job)
}
