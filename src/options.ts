import type { Readable, Writable } from 'node:stream'
import type { Imports } from './imports.ts'

/**
 * The options of one run. A guest is granted nothing else.
 *
 * @example
 * const options: RunOptions = { args: ['-v'], env: { TZ: 'UTC' }, stdin: 'text', limits: { timeoutMs: 1000 } }
 * const outcome = await program.run(options)
 */
export interface RunOptions {
  /** argv from index 1 on. Default: none. */
  args?: readonly string[] | undefined
  /** The whole environment; nothing is inherited. Variables that are undefined are left out. Default: empty. */
  env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Where stdin comes from. Text and bytes are given whole. A stream is read as the guest asks for more,
   * and is ended (`return()`, `destroy()`) when the guest ends first. To give the text "inherit" or "empty",
   * pass bytes. Default: `'empty'`.
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
   * Where stdout goes: into the outcome, to this process's stdout, nowhere, or to a stream. The guest feels
   * the backpressure of a stream, which is not ended. The run resolves when everything has been written to
   * the stream; the stream may not have passed it on yet. Default: `'capture'`.
   */
  stdout?: 'capture' | 'inherit' | 'ignore' | Writable | undefined
  /** The same for stderr. Default: `'capture'`. */
  stderr?: 'capture' | 'inherit' | 'ignore' | Writable | undefined
  /**
   * What happens when the guest prints to a pipe or stream that nobody reads any more, as before `| head`.
   * `'fail'`: the write fails, and the guest decides; it may go on for ever. `'stop'`: the run ends, as a
   * process does, with an abort whose reason is `ERR_BROKEN_PIPE`. Default: `'fail'`.
   */
  onBrokenPipe?: 'fail' | 'stop' | undefined
  /** Directories granted to the guest, by guest path; a bare string is a host path, read-only. Default: none. */
  preopens?: Readonly<Record<string, string | Preopen>> | undefined
  /**
   * Files in memory, which the guest may read and change: text, bytes, and directories as objects of these. A name may
   * be a path (`'src/main.c'`), and a `/` at its end says that it is a directory. The guest sees them at
   * {@link filesAt}, and its changes are its own: they do not reach the next run. In `defaults` of a batch, the files
   * cross to the core once and the jobs share them. At most 512 MiB. Default: none.
   */
  files?: Files | undefined
  /** The guest path of {@link files}. Default: `'/'`. */
  filesAt?: string | undefined
  /**
   * Patterns of the files that are in the outcome as `files`, however the run ends. Paths are those of {@link files}:
   * relative, also where `filesAt` is given. In a pattern `*` stands for any characters of a name, `?` for one, and
   * `**` as a whole name for any number of directories (at the end: for everything below). Default: none.
   */
  collect?: readonly string[] | undefined
  /**
   * What the guest may use of the network. `false`: every address is refused. Only for components, because WASI 0.1 cannot
   * make sockets. See docs/network.md. Default: `false`.
   */
  network?: false | NetworkOptions | undefined
  /** What a component is told by `wasi:config`, by name. See docs/components.md. Default: none. */
  config?: Readonly<Record<string, string>> | undefined
  /**
   * The buckets of `wasi:keyvalue` that a component may use, by name, with keys and values: text or bytes. The guest's
   * changes are its own and end with the run, or with the instance. Without this, no bucket opens. Default: none.
   */
  keyvalue?: Readonly<Record<string, Readonly<Record<string, string | Uint8Array>>>> | undefined
  /**
   * The origins to which the guest may send HTTP requests. `false`: every request is refused. Only for components. See
   * docs/http.md. Default: `false`.
   */
  http?: false | HttpOptions | undefined
  /**
   * The host's clocks, or a wall clock that stands still and a monotonic clock that starts at 0 and goes on with each
   * reading and with each sleep, the same in every run. With {@link randomSeed}, runs are equal to the byte: see
   * docs/determinism.md. `now` is a Date or a whole number of milliseconds since 1970, from 0 to 18446744073709 (July
   * 2554). Default: `'real'`.
   */
  clock?: 'real' | { now: Date | number } | undefined
  /** Seed (0 to 2^64 - 1) that makes random numbers the same in every run. Default: the operating system's. */
  randomSeed?: bigint | number | undefined
  /** The caps of the run. */
  limits?: Limits | undefined
  /** Aborts the run. */
  signal?: AbortSignal | undefined
  /** Only in {@link HostedRunOptions}, because such a run can end in one more way. */
  imports?: undefined
}

/**
 * The options of a run that provides functions which the program imports. It ends as any run, or as a
 * {@link HostError}.
 *
 * @example
 * const imports = { env: { add: (a: number, b: number) => a + b } }
 * const outcome = await program.run({ imports, limits: { timeoutMs: 1000 } })
 */
export interface HostedRunOptions extends Omit<RunOptions, 'imports'> {
  /**
   * Functions for the imports of the program that WASI does not have. Functions that the program does not import are
   * left out. See docs/host-functions.md.
   */
  imports: Imports
}

/**
 * A granted part of the network. A rule is `[tcp:|udp:]HOST:PORTS`; without a protocol, it is for TCP. HOST is an IPv4
 * address, an IPv6 address in brackets, a network (`10.0.0.0/8`, `[fd00::/8]`), `*`, or a name. PORTS is a port, a range
 * (`8000-8099`), a list of both (`80,443`) or `*`.
 *
 * @example
 * const network: NetworkOptions = {
 *   allow: ['127.0.0.1:5432', 'db.internal:*', 'udp:10.0.0.0/8:53'],
 *   listen: ['127.0.0.1:0'],
 * }
 */
export interface NetworkOptions {
  /**
   * Remote addresses: those to which the guest may connect and send datagrams, and from which it may receive datagrams.
   * A rule with a name (`db.internal:5432`, `*.internal:*`) lets the guest look that name up, and allows the addresses
   * that the lookups in this run return. Default: none.
   */
  allow?: readonly string[] | undefined
  /**
   * Local addresses that the guest may bind. Whoever can reach a listener may connect to it. Port 0 is any port that the
   * operating system chooses. Names are refused here. Default: none.
   */
  listen?: readonly string[] | undefined
  /**
   * Names that the guest may look up, besides those in `allow`: `db.internal`, `*.internal` (what is below it) or `*`.
   * The addresses that it gets are checked like all others when they are used. `false` and `[]`: no others.
   * Default: none.
   */
  dns?: readonly string[] | false | undefined
}

/**
 * Origins to which a guest may send requests. A rule is `http[s]://HOST[:PORT]`. HOST is a name, `*.` and a name for the
 * names below it, an IPv4 address, an IPv6 address in brackets, or `*` for every name and every public address. PORT is a
 * number or `*`. Default: that of the scheme.
 *
 * @example
 * const http = { allow: ['https://api.example.com', 'https://*.example.org', 'http://127.0.0.1:*'] }
 */
export interface HttpOptions {
  /** Default: none. */
  allow?: readonly string[] | undefined
  /** PEM text with certificates of authorities that are trusted besides Mozilla's. Default: none. */
  ca?: string | undefined
}

/**
 * Files in memory, by name or path: text, bytes, or a directory of files.
 *
 * @example
 * await program.run({ files: { 'in.txt': 'text', 'lib/': { 'data.bin': Uint8Array.of(1, 2, 3) } } })
 */
export interface Files {
  readonly [path: string]: string | Uint8Array | Files
}

/**
 * The options of a live run.
 *
 * @example
 * const guest = program.spawn({ stderr: 'inherit', limits: { memoryBytes: 64 << 20 } })
 */
export interface SpawnOptions extends Omit<RunOptions, 'stdin' | 'stdout' | 'stderr'> {
  /**
   * `'pipe'`: `guest.stdin` is a Writable. Or as for a run; to give the text "pipe", pass bytes. Default: `'pipe'`.
   */
  stdin?: 'pipe' | RunOptions['stdin']
  /** `'pipe'`: `guest.stdout` is a Readable. Or as for a run. Default: `'pipe'`. */
  stdout?: 'pipe' | RunOptions['stdout']
  /** The same for stderr. Default: `'pipe'`. */
  stderr?: 'pipe' | RunOptions['stderr']
}

/**
 * The options of a live run that provides functions which the program imports.
 *
 * @example
 * const guest = program.spawn({ imports })
 */
export interface HostedSpawnOptions extends Omit<SpawnOptions, 'imports'> {
  imports: Imports
}

/**
 * A granted directory.
 *
 * @example
 * await program.run({ preopens: { '/out': { hostPath: './out', access: 'write' } } })
 */
export interface Preopen {
  /** The directory on the host. */
  hostPath: string
  /** Whether the guest may also write. */
  access: 'read' | 'write'
}

/**
 * The options of a run that the calling thread waits for: without those that need the thread meanwhile.
 *
 * @example
 * const { stdout } = program.runSync({ stdin: 'text', limits: { timeoutMs: 100 } })
 */
export interface RunSyncOptions extends Omit<RunOptions, 'stdin' | 'stdout' | 'stderr' | 'signal'> {
  stdin?: string | Uint8Array | 'inherit' | 'empty' | undefined
  stdout?: 'capture' | 'inherit' | 'ignore' | undefined
  stderr?: 'capture' | 'inherit' | 'ignore' | undefined
}

/**
 * {@link HostedRunOptions} of a run that the calling thread waits for. Its functions cannot return promises.
 *
 * @example
 * const outcome = program.runSync({ imports, limits: { timeoutMs: 100 } })
 */
export interface HostedRunSyncOptions extends Omit<RunSyncOptions, 'imports'> {
  imports: Imports
}

/**
 * The caps of a run. A cap that is not given has the default named here, or does not exist.
 *
 * @example
 * await program.run({ limits: { timeoutMs: 1000, memoryBytes: 64 * 1024 * 1024 } })
 */
export interface Limits {
  /** Wall clock from the guest's start, in milliseconds, waiting in host calls and for a thread included. */
  timeoutMs?: number | undefined
  /** Time on a core, in milliseconds; sleeping and file access are not included. */
  cpuMs?: number | undefined
  /** wasmtime fuel, about one per instruction: the same in every run. */
  fuel?: number | bigint | undefined
  /** All linear memories and tables of the run together. Default: 4 GiB. */
  memoryBytes?: number | undefined
  /** `'deny'`: `memory.grow` returns -1 and the guest decides. `'stop'`: the run ends. Default: `'deny'`. */
  onMemory?: 'deny' | 'stop' | undefined
  /**
   * Bytes of stdout and stderr together, wherever they go unless they are ignored. At most 2 GiB - 1.
   * Default: 16 MiB of captured output, and no cap on output that is inherited or streamed.
   */
  outputBytes?: number | undefined
  /** `'stop'`: the run ends at the cap. `'truncate'`: the rest is dropped. Default: `'stop'`. */
  onOutput?: 'stop' | 'truncate' | undefined
  /**
   * Bytes that {@link RunOptions.files} may take beyond those that were given: the files that the guest makes or
   * changes, as a whole. A guest that needs more is told that there is no space left. At most 1 GiB. Default: 256 MiB.
   */
  filesBytes?: number | undefined
  /** Files, directories and links that the guest may make there. At most 1,000,000. Default: 65,536. */
  filesCount?: number | undefined
  /**
   * Sockets that are open at the same time. A guest that asks for more gets an error; clients of its listeners wait until
   * it has closed one. At most 512. Default: 64.
   */
  sockets?: number | undefined
  /**
   * Bytes that the guest sends through all its sockets and HTTP requests together, heads included; those of a run with
   * {@link RunOptions.network} or {@link RunOptions.http}. Instead of a write that would exceed the cap, the run ends.
   */
  networkSentBytes?: number | undefined
  /** Bytes that it receives. The run ends before the guest sees more. */
  networkReceivedBytes?: number | undefined
}
