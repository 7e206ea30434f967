import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/**
 * A rival in a process of its own. It prints its rate as a line after the start, and once more for each line that it
 * reads. Before a rate, it prints lines with its progress: {"runs", "ms"}.
 */
export class Child {
  #command
  #args
  #process
  #lines
  #errors = ''

  constructor(command, ...args) {
    this.#command = command
    this.#args = args.map(String)
  }

  /** @returns {Promise<{ perSecond: number | undefined, crash?: string }>} after a crash, the rate until then */
  async measure() {
    if (this.#process === undefined) this.#start()
    else this.#process.stdin.write('\n')
    let progress
    for (;;) {
      const { done, value: line } = await this.#lines.next()
      if (done) return this.#crashed(progress)
      const answer = JSON.parse(line)
      if (typeof answer === 'number') return { perSecond: answer }
      progress = answer
    }
  }

  async close() {
    if (this.#process === undefined) return
    this.#process.stdin.end()
    await this.#ended()
  }

  #start() {
    this.#process = spawn(this.#command, this.#args, { stdio: 'pipe' })
    this.#process.stdin.on('error', () => {})
    this.#process.stderr.on(
      'data',
      (text) => (this.#errors = `${this.#errors}${text}`.slice(-2000)),
    )
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()
  }

  async #ended() {
    const child = this.#process
    this.#process = undefined
    if (child.exitCode === null && child.signalCode === null) {
      await new Promise((resolve, reject) => child.once('exit', resolve).once('error', reject))
    }
    return child
  }

  /** The next measurement starts the process again. */
  async #crashed(progress) {
    const { exitCode, signalCode } = await this.#ended()
    if (signalCode === null && exitCode !== 134) {
      throw new Error(`${this.#command} ${this.#args.join(' ')}: exit ${exitCode}\n${this.#errors}`)
    }
    const perSecond = progress && (progress.runs / progress.ms) * 1000
    return { perSecond, crash: signalCode ?? 'SIGABRT' }
  }
}
