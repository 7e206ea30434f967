// The package itself: runs per second, and the main thread's time per run.
import { performance } from 'node:perf_hooks'
import { Runtime, load } from '../dist/index.mjs'
import { WARM_UP_MS } from './measure.mjs'

/** Makes a runtime, which is closed after `body`. */
export async function withRuntime(options, body) {
  const runtime = new Runtime(options)
  try {
    return await body(runtime)
  } finally {
    await runtime.close()
  }
}

/** A guest in a runtime of its own. */
export class Package {
  /** @param {ConstructorParameters<typeof Runtime>[0]} options */
  static async open({ path, args, callers }, options) {
    const runtime = new Runtime(options)
    const program = await load(path, { runtime })
    const { ok, stdout } = await program.run({ args })
    if (!ok) throw new Error(`${path} failed`)
    return new Package(runtime, program, { args, callers, printed: stdout })
  }

  constructor(runtime, program, { args, callers, printed }) {
    this.runtime = runtime
    this.program = program
    this.args = args
    this.callers = callers
    this.printed = printed
  }

  /** Reads the results of an endless batch one by one. */
  async batch(seconds) {
    const counter = new Counter(seconds)
    const jobs = function* () {
      for (;;) yield {}
    }
    const { args } = this
    for await (const { outcome } of this.program.batch(jobs(), { defaults: { args } })) {
      this.#check(outcome)
      if (counter.isOver()) break
    }
    return counter
  }

  /** The same, but reads the results in arrays. */
  async chunks(seconds) {
    const counter = new Counter(seconds)
    const jobs = function* () {
      for (;;) yield {}
    }
    const { args } = this
    for await (const results of this.program.batch(jobs(), { defaults: { args } }).chunks()) {
      let isOver = false
      for (const { outcome } of results) {
        this.#check(outcome)
        isOver = counter.isOver()
      }
      if (isOver) break
    }
    return counter
  }

  /** The milliseconds that a batch of this number of jobs takes. */
  async jobs(count) {
    const { args } = this
    const start = performance.now()
    const jobs = function* () {
      for (let job = 0; job < count; job += 1) yield {}
    }
    for await (const { outcome } of this.program.batch(jobs(), { defaults: { args } })) {
      this.#check(outcome)
    }
    return performance.now() - start
  }

  /** Callers of `run()`, each of which waits for its run before the next. */
  async run(seconds) {
    const counter = new Counter(seconds)
    const caller = async () => {
      const { args } = this
      do this.#check(await this.program.run({ args }))
      while (!counter.isOver())
    }
    await Promise.all(Array.from({ length: this.callers }, caller))
    return counter
  }

  /** One caller of `runSync()`. */
  async runSync(seconds) {
    const counter = new Counter(seconds)
    const { args } = this
    do this.#check(this.program.runSync({ args }))
    while (!counter.isOver())
    return counter
  }

  close() {
    return this.runtime.close()
  }

  #check({ ok, stdout }) {
    if (!ok || !stdout.equals(this.printed)) throw new Error('a run did not end as the first one')
  }
}

/** Counts runs from the end of the warm-up to the end of the time. */
/** The rate of what is done over and over, after a time to warm up. */
export class Counter {
  #seconds
  #end = performance.now() + WARM_UP_MS
  #start
  #runs = 0
  #loop

  constructor(seconds) {
    this.#seconds = seconds
  }

  /** Counts one more run; returns whether it was the last. */
  isOver() {
    this.#runs += 1
    const now = performance.now()
    if (now < this.#end) return false
    if (this.#start === undefined) {
      this.#start = now
      this.#runs = 0
      this.#end = now + this.#seconds * 1000
      this.#loop = performance.eventLoopUtilization()
      return false
    }
    if (this.perSecond === undefined) {
      this.perSecond = (this.#runs / (now - this.#start)) * 1000
      const { active } = performance.eventLoopUtilization(this.#loop)
      this.mainMicroseconds = (active / this.#runs) * 1000
    }
    return true
  }
}
