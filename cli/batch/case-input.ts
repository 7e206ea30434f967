import { closeSync, constants, openSync, readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Job, Outcome } from '../../src/index.ts'
import { CliError } from '../status.ts'
import { BadJob, type Input, type Item, type Judgement } from './item.ts'
import { verdictOf, type Comparison } from './verdict.ts'

const INPUT = '.in'
const OUTPUT = '.out'

/** `2.in` before `10.in`. Names that are equal in this order are ordered by their characters. */
const natural = new Intl.Collator('en', { numeric: true })

/** A folder of test cases: `1.in` is what the program reads, `1.out` is what it must print. */
export class CaseInput implements Input {
  readonly name: string
  readonly unit = 'jobs'
  readonly isRereadable = true
  readonly remarks: readonly string[]
  readonly #cases: readonly string[]
  /** The cases that can be judged. */
  readonly #answered: ReadonlySet<string>
  readonly #comparison: Comparison

  private constructor(
    folder: string,
    cases: readonly string[],
    answers: readonly string[],
    comparison: Comparison,
  ) {
    this.name = folder
    this.#cases = cases
    this.#answered = new Set(answers)
    const known = new Set(cases)
    this.remarks = answers
      .filter((name) => !known.has(name))
      .map((name) => `${join(folder, name + OUTPUT)} has no ${name + INPUT}`)
    this.#comparison = comparison
  }

  /** @throws {CliError} when the folder cannot be read, or has no cases. */
  static async of(folder: string, comparison: Comparison): Promise<CaseInput> {
    const names = await readdir(folder).catch((error: Error) => {
      throw new CliError(`cannot read the cases: ${error.message}`, { cause: error })
    })
    const cases = withEnding(names, INPUT)
    if (cases.length === 0) throw new CliError(`there are no *.in files in ${folder}`)
    return new CaseInput(folder, cases, withEnding(names, OUTPUT), comparison)
  }

  get size(): number {
    return this.#cases.length
  }

  async *items(): AsyncGenerator<Item, void> {
    for (const [index, name] of this.#cases.entries()) {
      yield new Case(this.name, name, index, this.#answered.has(name), this.#comparison)
    }
  }

  async close(): Promise<void> {}
}

class Case implements Item {
  readonly index: number
  readonly end: number
  readonly place: string
  made: Job | undefined
  readonly #path: string
  readonly #name: string
  readonly #isAnswered: boolean
  readonly #comparison: Comparison
  #inputDigest: number | undefined
  #digest: number | undefined

  constructor(
    folder: string,
    name: string,
    index: number,
    isAnswered: boolean,
    comparison: Comparison,
  ) {
    this.index = index
    this.end = index + 1
    this.place = join(folder, name + INPUT)
    this.#path = join(folder, name)
    this.#name = name
    this.#isAnswered = isAnswered
    this.#comparison = comparison
  }

  /** A digest of the name and both files, as far as they can be read. */
  digest(): number {
    if (this.#digest === undefined) {
      this.#inputDigest ??= crc32(tryRead(this.#path + INPUT), crc32(this.#name))
      this.#digest = crc32(tryRead(this.#path + OUTPUT), this.#inputDigest)
    }
    return this.#digest
  }

  get id(): string {
    return this.#name
  }

  job(): Job {
    if (!this.#isAnswered) throw new BadJob('ERR_READ_FAILED', `there is no ${this.#path + OUTPUT}`)
    const stdin = read(this.#path + INPUT)
    this.#inputDigest = crc32(stdin, crc32(this.#name))
    return { stdin }
  }

  judge(outcome: Outcome): Judgement {
    const expected = read(this.#path + OUTPUT)
    this.#digest = crc32(expected, this.#inputDigest)
    return { verdict: verdictOf(outcome, expected, this.#comparison), expected }
  }
}

function withEnding(names: readonly string[], ending: string): string[] {
  return names
    .filter((name) => name.endsWith(ending) && name.length > ending.length)
    .map((name) => name.slice(0, -ending.length))
    .toSorted((a, b) => natural.compare(a, b) || (a < b ? -1 : 1))
}

function read(path: string): Buffer {
  try {
    return readAtOnce(path)
  } catch (error) {
    throw new BadJob('ERR_READ_FAILED', `cannot read ${path}: ${(error as Error).message}`)
  }
}

/** Synchronous: cases are small, and a promise per case costs more than reading most of them. */
function readAtOnce(path: string): Buffer {
  // A pipe that nobody writes to is empty; waiting for it would stop everything.
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    return readFileSync(file)
  } finally {
    closeSync(file)
  }
}

function tryRead(path: string): Buffer {
  try {
    return readAtOnce(path)
  } catch {
    return Buffer.alloc(0)
  }
}
