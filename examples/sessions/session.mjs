// A session of untrusted code: an instance that lives for many snippets, each of which has limits.
import { describeOutcome } from 'wasiexec'

const LIMITS = {
  cpuMs: 1000,
  // For snippets that sleep, which use no time on a core.
  timeoutMs: 30_000,
  memoryBytes: 128 << 20,
}
/** Characters that a snippet may print, and those of its value, and of a page that it may fetch. */
const MAX_PRINTED = 1 << 20
const MAX_VALUE = 1 << 20
const MAX_PAGE = 1 << 20

/** What is returned for each case of a result, and for a call that did not return. */
const NAMES = { ok: 'value', err: 'exception', ended: 'ended' }

export class Session {
  #instance
  #print
  #origins
  #printed = 0
  /** Whether its instance has ended; what snippets have defined is gone then. */
  isOver = false

  /**
   * @param {import('wasiexec').Program} program a component of wit/session.wit
   * @param {{ files?: import('wasiexec').Files, origins?: string[], print: (text: string) => unknown }} options
   */
  static async open(program, { files = {}, origins = [], print }) {
    const session = new Session()
    session.#print = print
    session.#origins = origins
    const imports = {
      print: (text) => session.#onPrint(text),
      fetch: (url) => session.#fetch(url),
    }
    session.#instance = await program.instantiate({ imports, files, limits: LIMITS })
    return session
  }

  /** Runs a snippet; returns its `value`, its `exception`, or how the session has `ended`. */
  async run(source) {
    this.#printed = 0
    const { tag, val = null } = await this.#call('evaluate', source)
    if (val?.length > MAX_VALUE) return { exception: 'the value is too long' }
    return { [NAMES[tag]]: val }
  }

  /** The bytes of a file that a snippet has left. What reads it may be a snippet's, and can end the session. */
  async readFile(path) {
    const { tag, val } = await this.#call('read-file', path)
    if (tag !== 'ok') throw new Error(val)
    return val
  }

  /** Ends the session and what it is doing. */
  close() {
    this.isOver = true
    this.#instance[Symbol.dispose]()
  }

  /** The result that a function returns, or how it has ended the session. */
  async #call(name, argument) {
    const outcome = await this.#instance.call(name, argument)
    if (outcome.kind === 'returned') return outcome.values[0]
    this.isOver = true
    return { tag: 'ended', val: describeOutcome(outcome) }
  }

  /** The snippet waits until what it prints has been taken. */
  #onPrint(text) {
    this.#printed += text.length
    if (this.#printed > MAX_PRINTED) throw new Error('the snippet has printed too much')
    return this.#print(text)
  }

  async #fetch(url) {
    try {
      if (!this.#origins.includes(new URL(url).origin)) throw new Error(`${url} is not allowed`)
      // A redirect could lead anywhere.
      const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(10_000) })
      let page = ''
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) {
        page += decoder.decode(chunk, { stream: true })
        if (page.length > MAX_PAGE) throw new Error(`${url} is too long`)
      }
      return { tag: 'ok', val: page }
    } catch (error) {
      return { tag: 'err', val: error.message }
    }
  }
}
