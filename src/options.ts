import type { Readable, Writable } from 'node:stream'

/** The options of one run. Nothing is granted that does not stand here. */
export interface RunOptions {
  /** argv from index 1 on. Default: none. */
  args?: readonly string[] | undefined
  /** The whole environment; nothing is inherited. What is undefined is left out. Default: empty. */
  env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Where stdin comes from. Text and bytes are given whole; a stream is read as the guest asks for
   * more, and ended (`return()`, `destroy()`) when the guest ends before it. For the words "inherit"
   * and "empty" themselves pass bytes. Default: `'empty'`.
   */
  stdin?:
    | string
    | Uint8Array
    | Readable
    | AsyncIterable<Uint8Array | string>
    | 'inherit'
    | 'empty'
    | undefined
  /**
   * Where stdout goes: into the outcome, to this process's stdout, nowhere, or to a stream, whose
   * backpressure the guest feels and which is not ended. The run resolves when all has been written
   * to the stream, which may not have passed it on yet. Default: `'capture'`.
   */
  stdout?: 'capture' | 'inherit' | 'ignore' | Writable | undefined
  /** The same for stderr. Default: `'capture'`. */
  stderr?: 'capture' | 'inherit' | 'ignore' | Writable | undefined
  /**
   * What happens when it prints to a pipe or stream that nobody reads any more, as behind `| head`:
   * `'fail'`: the write fails, and the guest decides, which may be to go on for ever. `'stop'`: the run
   * ends, as a process does; an abort whose reason is `ERR_BROKEN_PIPE`. Default: `'fail'`.
   */
  onBrokenPipe?: 'fail' | 'stop' | undefined
  /** Directories granted to the guest, by guest path; a bare string is a host path, read-only. Default: none. */
  preopens?: Readonly<Record<string, string | Preopen>> | undefined
  /** Every address is refused. */
  network?: false | undefined
  /** The host's clocks, or a wall clock that stands still and a monotonic one that counts from 0. Default: `'real'`. */
  clock?: 'real' | { now: Date | number } | undefined
  /** Seed (0 to 2^64 - 1) that makes random numbers the same in every run. Default: the operating system's. */
  randomSeed?: bigint | number | undefined
  /** The caps. */
  limits?: Limits | undefined
  /** Aborts the run. */
  signal?: AbortSignal | undefined
}

/** A granted directory. */
export interface Preopen {
  /** The directory on the host. */
  hostPath: string
  /** Whether the guest may also write. */
  access: 'read' | 'write'
}

/** The options of a run that the calling thread waits for: nothing that would need it meanwhile. */
export interface RunSyncOptions extends Omit<RunOptions, 'stdin' | 'stdout' | 'stderr' | 'signal'> {
  stdin?: string | Uint8Array | 'inherit' | 'empty' | undefined
  stdout?: 'capture' | 'inherit' | 'ignore' | undefined
  stderr?: 'capture' | 'inherit' | 'ignore' | undefined
}

/** The caps of a run. What is not given is not limited, or has the default named here. */
export interface Limits {
  /** Wall clock from the guest's start, in milliseconds, waiting in host calls included. */
  timeoutMs?: number | undefined
  /** Time on a core, in milliseconds; sleeping and file access are not included. */
  cpuMs?: number | undefined
  /** wasmtime fuel, about one for each instruction: the same in every run. */
  fuel?: number | bigint | undefined
  /** All linear memories and tables of the run together. Default: 4 GiB. */
  memoryBytes?: number | undefined
  /** `'deny'`: `memory.grow` returns -1 and the guest decides. `'stop'`: the run ends. Default: `'deny'`. */
  onMemory?: 'deny' | 'stop' | undefined
  /**
   * Stdout and stderr together, wherever they go unless they are ignored. Default: 16 MiB of what is
   * captured, and no cap on what is inherited or streamed. At most 2 GiB - 1.
   */
  outputBytes?: number | undefined
  /** `'stop'`: the run ends at the cap. `'truncate'`: the rest is dropped. Default: `'stop'`. */
  onOutput?: 'stop' | 'truncate' | undefined
}
