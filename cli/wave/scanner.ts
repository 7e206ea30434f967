import { WaveError } from './error.ts'

// A pattern that repeats a group fails on long text, so none of these does.
const BLANKS = /[ \t\n\r]+/y
const COMMENT = /\/\/[^\n]*/y
const LABEL = /%?[A-Za-z][A-Za-z0-9-]*/y
const NUMBER = /-?(?:inf|(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![\w.+-])/y
const HANDLE = /\$[0-9]+/y

/** Text that is read from left to right. */
export class Scanner {
  readonly text: string
  #at: number

  constructor(text: string, at = 0) {
    this.text = text
    this.#at = at
  }

  get at(): number {
    return this.#at
  }

  get isAtEnd(): boolean {
    return this.#at === this.text.length
  }

  /** Passes over blanks and comments. */
  skip(): void {
    do this.match(BLANKS)
    while (this.match(COMMENT) !== undefined)
  }

  /** Takes a mark, if it is next after blanks. */
  take(mark: string): boolean {
    this.skip()
    if (!this.text.startsWith(mark, this.#at)) return false
    this.#at += mark.length
    return true
  }

  /** @throws {WaveError} unless the mark is next after blanks. */
  expect(mark: string, expected: string = mark): void {
    if (!this.take(mark)) throw this.error(expected)
  }

  /** A name of a field, case or flag, with its `%` if it has one. */
  label(): string | undefined {
    return this.match(LABEL)
  }

  /** The name that is next, which is not taken. */
  peekLabel(): string | undefined {
    return this.peek(LABEL)
  }

  /** What matches from here on and is not taken. */
  peek(pattern: RegExp): string | undefined {
    const at = this.#at
    const found = this.match(pattern)
    this.#at = at
    return found
  }

  /** A number, or `-inf` or `inf`. */
  number(): string | undefined {
    return this.match(NUMBER)
  }

  handle(): string | undefined {
    return this.match(HANDLE)
  }

  /** An error at a place, which is this one by default. */
  error(expected: string, at: number = this.#at): WaveError {
    return new WaveError(expected, this.text, at)
  }

  /** What matches from here on; patterns are sticky. */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const [found] = pattern.exec(this.text) ?? []
    this.#at += found?.length ?? 0
    return found
  }
}
