// The numbers and names that cross, written by the tests of crate/src/port/wire/protocol.rs. Do not edit.

export const FLOW_FUNCTION = {
  give: 16777216,
  ended: 16777217,
  take: 16777218,
  left: 16777219,
  notGiven: 16777220,
  unwanted: 16777221,
} as const

export const OPERATION = {
  run: 1,
  abort: 2,
  release: 3,
  dispose: 4,
  stdinChunk: 5,
  stdinEnd: 6,
  outputTaken: 7,
  outputClosed: 8,
  outputRelayed: 17,
  openBatch: 9,
  abortBatch: 10,
  closeBatch: 11,
  batchRead: 12,
  recall: 13,
  hostReturn: 30,
  hostThrow: 31,
  memoryRead: 32,
  memoryWrite: 33,
  instantiate: 14,
  call: 15,
  closeInstance: 16,
} as const

export const OPERATION_FIELD = {
  kind: 0,
  id: 1,
  argument: 2,
  offset: 3,
  length: 4,
  flags: 5,
  batch: 6,
} as const

export const RUN_FLAG = {
  abortable: 1,
  piped: 2,
} as const

export const STREAM = {
  stdout: 1,
  stderr: 2,
  body: 3,
} as const

export const RECORD = {
  exit: 0,
  trap: 1,
  limit: 2,
  abort: 3,
  fault: 4,
  loaded: 5,
  ask: 6,
  output: 7,
  closed: 8,
  returned: 9,
  bytes: 10,
  hostError: 30,
  call: 31,
  memory: 32,
  instantiated: 11,
  callReturned: 12,
  response: 13,
  responseEnd: 14,
} as const

export const RECORD_FIELD = {
  kind: 0,
  id: 1,
  code: 2,
  stdout: 3,
  stderr: 4,
  wallMs: 5,
  cpuMs: 6,
  fuelLow: 7,
  fuelHigh: 8,
  memoryPeak: 9,
  flags: 10,
  sections: 11,
} as const

export const SECTION = {
  trap: 1,
  error: 2,
  program: 3,
  bytes: 4,
  call: 30,
  files: 5,
  exports: 6,
  values: 7,
  network: 8,
} as const

export const SECTION_LAYOUT = {
  kind: 0,
  length: 4,
  content: 12,
} as const

export const OUTCOME_FLAG = {
  memoryDenied: 1,
  outputTruncated: 2,
  neverStarted: 4,
} as const

export const RESPONSE_END = {
  whole: 0,
  broken: 1,
  refused: 2,
  tooLarge: 3,
} as const

export const ABORT = {
  ours: 0,
  brokenPipe: 1,
} as const

export const MEMORY_ANSWER = {
  ended: 0,
  missing: 1,
  size: 2,
} as const

export const LIMIT = {
  timeout: 0,
  cpu: 1,
  fuel: 2,
  memory: 3,
  output: 4,
  network: 5,
  request: 6,
  response: 7,
} as const

export const OPTION = {
  args: 1,
  env: 2,
  stdin: 3,
  stdout: 4,
  stderr: 5,
  preopens: 6,
  clockFixed: 7,
  randomSeed: 8,
  timeoutMs: 9,
  cpuMs: 10,
  fuel: 11,
  memoryBytes: 12,
  onMemory: 13,
  outputBytes: 14,
  onOutput: 15,
  clockReal: 16,
  onBrokenPipe: 17,
  imports: 30,
  files: 18,
  filesAt: 19,
  collect: 20,
  filesBytes: 21,
  filesCount: 22,
  network: 23,
  sockets: 24,
  noNetwork: 25,
  http: 26,
  noHttp: 27,
  request: 28,
  networkSentBytes: 32,
  networkReceivedBytes: 33,
  requestBytes: 34,
  responseBytes: 35,
  config: 40,
  keyvalue: 41,
} as const

export const STDIN = {
  empty: 0,
  bytes: 1,
  inherit: 2,
  pull: 3,
  push: 4,
} as const

export const PIPE = {
  window: 262144,
} as const

export const OUTPUT = {
  capture: 0,
  ignore: 1,
  inherit: 2,
  pipe: 3,
} as const

export const ON_BROKEN_PIPE = {
  fail: 0,
  stop: 1,
} as const

export const ON_MEMORY = {
  deny: 0,
  stop: 1,
} as const

export const ON_OUTPUT = {
  stop: 0,
  truncate: 1,
} as const

export const NETWORK_PROTOCOL = {
  tcp: 0,
  udp: 1,
} as const

export const HTTP_SCHEME = {
  http: 0,
  https: 1,
} as const

export const NETWORK_HOST = {
  any: 0,
  ipv4: 1,
  ipv6: 2,
  name: 3,
} as const

export const NAME_PATTERN = {
  any: 0,
  exact: 1,
  below: 2,
} as const

/**
 * The stable name of a Wasm fault.
 *
 * @example
 * const isOverflow = (code: TrapCode) => code === 'stack-overflow'
 */
export type TrapCode =
  | 'stack-overflow'
  | 'memory-out-of-bounds'
  | 'unaligned-atomic'
  | 'table-out-of-bounds'
  | 'indirect-call-to-null'
  | 'indirect-call-type-mismatch'
  | 'integer-overflow'
  | 'integer-divide-by-zero'
  | 'invalid-conversion-to-integer'
  | 'unreachable'
  | 'atomic-wait-on-unshared-memory'
  | 'null-reference'
  | 'array-out-of-bounds'
  | 'allocation-too-large'
  | 'cast-failure'
  | 'cannot-enter-component'
  | 'no-async-result'
  | 'unhandled-tag'
  | 'continuation-already-consumed'
  | 'disabled-opcode'
  | 'async-deadlock'
  | 'cannot-leave-component'
  | 'cannot-block-sync-task'
  | 'invalid-char'
  | 'debug-assert-string-encoding-finished'
  | 'debug-assert-equal-code-units'
  | 'debug-assert-pointer-aligned'
  | 'debug-assert-upper-bits-unset'
  | 'string-out-of-bounds'
  | 'list-out-of-bounds'
  | 'invalid-discriminant'
  | 'unaligned-pointer'
  | 'task-cancel-not-cancelled'
  | 'task-cancel-or-return-twice'
  | 'subtask-cancel-after-terminal'
  | 'task-return-invalid'
  | 'waitable-set-drop-has-waiters'
  | 'subtask-drop-not-resolved'
  | 'thread-new-indirect-invalid-type'
  | 'thread-new-indirect-uninitialized'
  | 'backpressure-overflow'
  | 'unsupported-callback-code'
  | 'cannot-resume-thread'
  | 'concurrent-future-stream-op'
  | 'reference-count-overflow'
  | 'stream-op-too-big'
  | 'waitable-sync-and-async'
  | 'uncaught-exception'
  | 'host-call'

/**
 * What the core throws.
 */
export type CoreErrorCode =
  | 'ERR_INVALID_WASM'
  | 'ERR_UNSUPPORTED_WASM'
  | 'ERR_UNRESOLVED_IMPORT'
  | 'ERR_NO_ENTRY_POINT'
  | 'ERR_INVALID_OPTION'
  | 'ERR_PREOPEN'
  | 'ERR_READ_FAILED'
  | 'ERR_PRECOMPILED_UNTRUSTED'
  | 'ERR_PRECOMPILED_DAMAGED'
  | 'ERR_PRECOMPILED_INCOMPATIBLE'
  | 'ERR_RUNTIME_CLOSED'
  | 'ERR_NESTED_RUN'
  | 'ERR_INVALID_CALL'
  | 'ERR_INSTANCE_OVER'
  | 'ERR_INSTANCE_BUSY'
  | 'ERR_OUT_OF_BOUNDS'
  | 'ERR_WORKER_DIED'
  | 'ERR_OUT_OF_RESOURCES'
  | 'ERR_SNAPSHOT'
  | 'ERR_INTERNAL'
