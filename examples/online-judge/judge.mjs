// Submissions from their arrival to their last verdict.
import { describeOutcome, WasiexecError } from 'wasiexec'
import { excerpt, hasSlept, LIMITS, placeOf, verdictOf } from '../judging/verdict.mjs'
import { loadApart, NotAProgram } from './compile.mjs'
import { FairQueue } from './fair-queue.mjs'
import { Submission } from './submission.mjs'

/** So many are compiled and run at once; the runtime shares its threads among their runs. */
const AT_ONCE = 4
/** So many of one submitter: there is always room for somebody else. */
const AT_ONCE_EACH = 2

export class Judge {
  #cases
  #maxKept
  #journal
  #submissions = new Map()
  #queue = new FairQueue(AT_ONCE_EACH)
  #active = 0
  #closed = new AbortController()

  constructor(cases, maxKept, journal) {
    this.#cases = cases
    this.#maxKept = maxKept
    this.#journal = journal
  }

  /** Takes up what the journal has: verdicts are there again, and what has none is judged. */
  async open() {
    for (const { submission, submitter, program } of await this.#journal.recall(this.#maxKept)) {
      this.#submissions.set(submission.id, submission)
      if (program !== undefined) this.#add(submitter, submission, program)
      else if (submission.verdict === 'judging') this.#end(submission, 'the program was lost')
    }
  }

  /** How many have not begun. */
  get waiting() {
    return this.#queue.size
  }

  waitingOf(submitter) {
    return this.#queue.sizeOf(submitter)
  }

  async submit(submitter, name, program) {
    const submission = new Submission({ name, count: this.#cases.length })
    await this.#journal.submitted(submission, submitter, program)
    this.#submissions.set(submission.id, submission)
    if (this.#submissions.size > this.#maxKept) {
      const [oldest] = this.#submissions.keys()
      this.#submissions.delete(oldest)
    }
    this.#add(submitter, submission, program)
    return submission
  }

  find(id) {
    return this.#submissions.get(id)
  }

  /** The newest first. */
  latest(count) {
    return [...this.#submissions.values()].slice(-count).toReversed()
  }

  /** What is being judged is aborted, and is judged when a judge with this journal opens again. */
  close() {
    this.#closed.abort()
    this.#queue.clear()
    this.#journal.close()
  }

  #add(submitter, submission, program) {
    this.#queue.add(submitter, { submission, program })
    void this.#work()
  }

  async #work() {
    if (this.#active === AT_ONCE) return
    this.#active += 1
    for (;;) {
      const next = this.#queue.take()
      if (next === undefined) break
      await this.#judge(next.item.submission, next.item.program)
      this.#queue.done(next.submitter)
    }
    this.#active -= 1
  }

  async #judge(submission, bytes) {
    let program
    try {
      program = await loadApart(bytes, this.#closed.signal)
      program.check({ limits: LIMITS })
      // A server that was started again goes on with the first case that has no result.
      const cases = this.#cases.slice(submission.results.length)
      const batch = program.batch(
        cases.map((test) => ({ id: test, stdin: test.input })),
        {
          defaults: { limits: LIMITS },
          signal: this.#closed.signal,
          // A program that sleeps would sleep in each case, and keep others waiting.
          stopOn: ({ outcome }) => outcome !== undefined && hasSlept(outcome),
        },
      )
      for await (const { id: test, outcome, error } of batch) {
        if (this.#closed.signal.aborted) return
        if (error !== undefined) throw error
        this.#journal.happened(submission, submission.add(resultOf(test, outcome)))
      }
      if (!this.#closed.signal.aborted) this.#end(submission)
    } catch (error) {
      if (this.#closed.signal.aborted) return
      // Not a program, or one that imports what is not given: the submitter's fault. The rest is ours.
      const isTheirs = error instanceof NotAProgram || error instanceof WasiexecError
      if (!isTheirs) console.error(error)
      this.#end(submission, isTheirs ? error.message : 'the judge failed')
    } finally {
      program?.[Symbol.dispose]()
    }
  }

  #end(submission, error) {
    this.#journal.happened(submission, submission.end(error))
  }
}

function resultOf(test, outcome) {
  const { cpuMs, memoryPeakBytes } = outcome.usage
  return {
    name: test.name,
    verdict: verdictOf(outcome, test.expected),
    ending: describeOutcome(outcome) + placeOf(outcome),
    cpuMs: Math.round(cpuMs * 10) / 10,
    memoryKiB: Math.ceil(memoryPeakBytes / 1024),
    expected: excerpt(Buffer.from(test.expected), 300),
    stdout: excerpt(outcome.stdout, 300),
    stderr: excerpt(outcome.stderr, 300),
  }
}
