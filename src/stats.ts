/** What a runtime has and does. */
export interface RuntimeStats {
  /** Threads, or processes, that run guests. */
  readonly threads: number
  readonly workers: 'threads' | 'processes'
  /**
   * Threads that start runs at present: fewer than `threads` where short runs end sooner on fewer, because
   * their guests grow memory and threads of one process wait for each other there. The runtime measures
   * this while runs wait for a thread. Of processes always all.
   */
  readonly usefulThreads: number
  readonly maxConcurrentRuns: number
  /**
   * How runs get their memory: from a pool (fast), or, where the process may not have enough address
   * space for one, mapped for each run.
   */
  readonly allocation: 'pooling' | 'compact'
  /** Programs loaded. */
  readonly programs: number
  /** Runs that wait for a slot or a thread. */
  readonly queued: number
  /** Runs that have started and not ended. */
  readonly running: number
  /** Runs that have ended. */
  readonly finished: number
}
