/**
 * Runs WASI programs inside this process and returns how each run ended as a value.
 *
 * @packageDocumentation
 */

export type { Batch } from './batch/batch.ts'
export type {
  BatchOptions,
  BatchResult,
  CallJob,
  CallResult,
  HostedBatchOptions,
  HostedJob,
  Job,
  JobError,
  JobOutcome,
  JobParts,
} from './batch/options.ts'
export type { BatchAdvice } from './batch/advice.ts'
export type { BatchEnd, BatchSummary } from './batch/summary.ts'
export { BatchTotals, type BatchCounts, type CountableResult } from './batch/totals.ts'
export type {
  CallMessage,
  InstantiateMessage,
  LoadMessage,
  ObservedJob,
  RunMessage,
  SnapshotMessage,
} from './diagnostics.ts'
export { ProgramError, WasiexecError, orThrow, type WasiexecErrorCode } from './errors.ts'
export type { Guest, GuestOf } from './guest.ts'
export type { LinesOptions } from './guest/lines.ts'
export type { CallerMemory, CallingGuest, HostFunction, Imports } from './imports.ts'
export type {
  Files,
  HostedRunOptions,
  HostedRunSyncOptions,
  HostedSpawnOptions,
  HttpOptions,
  Limits,
  NetworkOptions,
  Preopen,
  RunOptions,
  RunSyncOptions,
  SpawnOptions,
} from './options.ts'
export {
  describeOutcome,
  type Abort,
  type CallOutcome,
  type CallValues,
  type Ending,
  type Exit,
  type Frame,
  type HostError,
  type JsonAbort,
  type JsonEnding,
  type JsonExit,
  type JsonHostError,
  type JsonLimit,
  type JsonOutcome,
  type JsonReturned,
  type JsonTrap,
  type JsonUsage,
  type JsonValue,
  type Limit,
  type Outcome,
  type Returned,
  type Trap,
  type TrapCode,
  type TrapInfo,
  type Usage,
} from './outcome.ts'
export type { Caller } from './instance/caller.ts'
export type { AnyFunctions } from './instance/functions.ts'
export type { GuestGlobals } from './instance/globals.ts'
export {
  Instance,
  type HostedInstantiateOptions,
  type InstantiateOptions,
} from './instance/instance.ts'
export type { GuestMemory } from './instance/memory.ts'
export type { CallOptions } from './instance/options.ts'
export { Pool } from './instance/pool.ts'
export type { HostedPoolOptions, PoolOptions, PoolStats } from './instance/pool-options.ts'
export type { PoolInstanceOptions } from './instance/pool-starter.ts'
export type {
  ExternInfo,
  InspectedExport,
  InspectedImport,
  Inspection,
  MemoryInfo,
  Producer,
} from './inspection.ts'
export type { CompilerChoice, LoadOptions } from './load-options.ts'
export { Program, load, loadSync } from './program.ts'
export { run } from './run.ts'
export { Runtime, type RuntimeOptions } from './runtime.ts'
export type { Sent } from './serve/exchange.ts'
export { Handler } from './serve/handler.ts'
export type {
  HostedServeOptions,
  ServedRequest,
  ServeLimits,
  ServeOptions,
} from './serve/options.ts'
export type { SnapshotOptions, SnapshotUntil } from './snapshot.ts'
export type { RuntimeStats } from './stats.ts'
export type {
  ExportedFunction,
  WitCase,
  WitPart,
  WitResource,
  WitType,
} from './wit/exported-function.ts'
export type { WitPrimitive } from './wit/interface.ts'
