// What outlives the server: a line for everything that happens, and the programs that have no verdict yet.
import { closeSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Submission } from './submission.mjs'

/** Keeps nothing: submissions end with the server. */
export const NO_JOURNAL = {
  recall: async () => [],
  submitted: async () => {},
  happened: () => {},
  close: () => {},
}

export class Journal {
  #folder
  #path
  #file

  constructor(folder) {
    this.#folder = folder
    this.#path = join(folder, 'journal.ndjson')
  }

  /**
   * The newest submissions, and the programs of those that have no verdict.
   *
   * @returns {Promise<{ submission: Submission, submitter: string, program: Buffer | undefined }[]>}
   */
  async recall(maxKept) {
    await mkdir(this.#folder, { recursive: true })
    const kept = (await this.#read()).slice(-maxKept)
    this.#rewrite(kept)
    const recalled = await Promise.all(kept.map((entry) => this.#restore(entry)))
    const needed = new Set(
      recalled
        .filter(({ program }) => program !== undefined)
        .map(({ submission }) => this.#programPath(submission.id)),
    )
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name)
      if (name.endsWith('.wasm') && !needed.has(path)) await rm(path)
    }
    return recalled
  }

  /** Written before the submitter hears of it. */
  async submitted({ id, name, at, count }, submitter, program) {
    await writeFile(this.#programPath(id), program)
    this.#write({ id, name, at, count, submitter })
  }

  happened({ id }, { event, data }) {
    this.#write({ id, event, data })
    if (event === 'end') rmSync(this.#programPath(id), { force: true })
  }

  close() {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #programPath(id) {
    return join(this.#folder, `${id}.wasm`)
  }

  #write(line) {
    if (this.#file !== undefined) writeSync(this.#file, `${JSON.stringify(line)}\n`)
  }

  async #read() {
    const entries = new Map()
    const text = `${(await contentOf(this.#path)) ?? ''}`
    for (const line of text.split('\n')) {
      // A kill may have cut off the last line.
      const value = parsed(line)
      if (value === undefined) continue
      if (value.event === undefined) entries.set(value.id, { first: value, lines: [value] })
      else entries.get(value.id)?.lines.push(value)
    }
    return [...entries.values()]
  }

  /** Without what is no longer kept; and the next line begins a line. */
  #rewrite(entries) {
    const lines = entries.flatMap((entry) => entry.lines)
    writeFileSync(`${this.#path}.new`, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    renameSync(`${this.#path}.new`, this.#path)
    this.#file = openSync(this.#path, 'a')
  }

  async #restore({ first, lines: [, ...events] }) {
    const submission = new Submission({ ...first, at: new Date(first.at) })
    for (const { event, data } of events) submission.apply({ event, data })
    const isOver = submission.verdict !== 'judging'
    const program = isOver ? undefined : await contentOf(this.#programPath(first.id))
    return { submission, submitter: first.submitter, program }
  }
}

/** `undefined` when there is no such file. */
async function contentOf(path) {
  return readFile(path).catch((error) => {
    if (error.code !== 'ENOENT') throw error
  })
}

function parsed(line) {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
