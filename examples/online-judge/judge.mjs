// Submissions from their arrival to their last verdict.
import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { describeOutcome, load, WasiexecError } from 'wasiexec'
import { excerpt, LIMITS, verdictOf } from '../judging/verdict.mjs'

/** So many are compiled and run at once; the runtime shares its threads among their runs. */
const AT_ONCE = 4

export class Judge {
  #cases
  #maxKept
  #submissions = new Map()
  #queue = []
  #active = 0
  #closed = new AbortController()

  constructor(cases, maxKept) {
    this.#cases = cases
    this.#maxKept = maxKept
  }

  /** How many have not begun. */
  get waiting() {
    return this.#queue.length
  }

  submit(name, program) {
    const submission = new Submission(name, this.#cases.length)
    this.#submissions.set(submission.id, submission)
    if (this.#submissions.size > this.#maxKept) {
      const [oldest] = this.#submissions.keys()
      this.#submissions.delete(oldest)
    }
    this.#queue.push({ submission, program })
    void this.#work()
    return submission
  }

  find(id) {
    return this.#submissions.get(id)
  }

  /** The newest first. */
  latest(count) {
    return [...this.#submissions.values()].slice(-count).toReversed()
  }

  close() {
    this.#closed.abort()
    this.#queue.length = 0
  }

  async #work() {
    if (this.#active === AT_ONCE) return
    this.#active += 1
    for (;;) {
      const next = this.#queue.shift()
      if (next === undefined) break
      await this.#judge(next.submission, next.program)
    }
    this.#active -= 1
  }

  async #judge(submission, bytes) {
    let program
    try {
      // Compiled quickly rather than well, because it is run a few times; and nothing of it is kept.
      program = await load(bytes, { name: 'submission', compiler: 'baseline', cache: false })
      program.check({ limits: LIMITS })
      const jobs = this.#cases.map((test) => ({ id: test, stdin: test.input }))
      const batch = program.batch(jobs, {
        defaults: { limits: LIMITS },
        signal: this.#closed.signal,
      })
      for await (const { id: test, outcome, error } of batch) {
        if (error !== undefined) throw error
        submission.add(resultOf(test, outcome))
      }
      submission.end()
    } catch (error) {
      // Not a program, or one that imports what is not given: the submitter's fault. The rest is ours.
      if (!(error instanceof WasiexecError)) console.error(error)
      submission.end(error instanceof WasiexecError ? error.message : 'the judge failed')
    } finally {
      program?.[Symbol.dispose]()
    }
  }
}

function resultOf(test, outcome) {
  const { cpuMs, memoryPeakBytes } = outcome.usage
  return {
    name: test.name,
    verdict: verdictOf(outcome, test.expected),
    ending: describeOutcome(outcome),
    cpuMs: Math.round(cpuMs * 10) / 10,
    memoryKiB: Math.ceil(memoryPeakBytes / 1024),
    expected: excerpt(Buffer.from(test.expected), 300),
    stdout: excerpt(outcome.stdout, 300),
    stderr: excerpt(outcome.stderr, 300),
  }
}

export class Submission {
  id = randomUUID()
  at = new Date()
  /** 'judging' until the end. */
  verdict = 'judging'
  /** Why it is not a program, if it is not. */
  error = undefined
  results = []
  #events = []
  #news = new EventEmitter().setMaxListeners(0)

  constructor(name, count) {
    this.name = name
    /** The number of cases. */
    this.count = count
  }

  add(result) {
    this.results.push(result)
    this.#publish('result', result)
  }

  end(error) {
    this.error = error
    const failed = this.results.find(({ verdict }) => verdict !== 'accepted')
    this.verdict = error === undefined ? (failed?.verdict ?? 'accepted') : 'not a program'
    this.#publish('end', { verdict: this.verdict, error })
  }

  /** Whether there will be no event from `first` on. */
  isOver(first) {
    return this.verdict !== 'judging' && first >= this.#events.length
  }

  /** What has happened from `first` on, and what happens until the end. */
  async *events(first) {
    for (let index = first; ; index += 1) {
      while (index >= this.#events.length) {
        if (this.isOver(index)) return
        await once(this.#news, 'news')
      }
      yield { index, ...this.#events[index] }
    }
  }

  #publish(event, data) {
    this.#events.push({ event, data })
    this.#news.emit('news')
  }
}
