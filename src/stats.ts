/**
 * What a runtime has and does.
 *
 * @example
 * const { running, queued } = runtime.stats()
 */
export interface RuntimeStats {
  /** Threads, or processes, that run guests. */
  readonly threads: number
  readonly workers: 'threads' | 'processes'
  /**
   * Threads that start runs at present. They are fewer than `threads` where short runs end sooner on fewer:
   * when guests grow their memory, the threads of one process wait for each other. The runtime measures this
   * while runs wait for a thread. Processes are always all used.
   */
  readonly usefulThreads: number
  readonly maxConcurrentRuns: number
  /**
   * How runs get their memory: from a pool (fast), or mapped for each run where the process has too little
   * address space for a pool.
   */
  readonly allocation: 'pooling' | 'compact'
  /** Programs loaded. */
  readonly programs: number
  /** Programs, loaded with `compiler: 'tiered'`, whose optimized code is still to be made. */
  readonly optimizing: number
  /**
   * How often a compiler has made code of a program for this runtime. Code from the cache, or from another runtime of
   * the process that has loaded the same program in the same way, is not compiled. Worker processes count apart.
   */
  readonly compilations: number
  /** Runs that wait for a slot or a thread. */
  readonly queued: number
  /** Runs that have started and not ended. */
  readonly running: number
  /** Runs that have ended. */
  readonly finished: number
  /** Instances, each of which has a slot from its making to its end. They are not counted as runs. */
  readonly instances: number
  /** Where compiled code is kept; null without a cache. */
  readonly cacheDir: string | null
}
