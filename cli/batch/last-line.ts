import type { OutputStream } from '../io.ts'

/** To the end of the line. */
const ERASE = '\u001B[K'
/** From the cursor's line, where a terminal may have put `^C`, to the line above. */
const UP = `\r${ERASE}\u001B[A`

/** A line of a terminal that is written again and again. It must be shorter than the terminal is wide. The cursor is below it. */
export class LastLine {
  readonly #stream: OutputStream
  #shown = ''

  constructor(stream: OutputStream) {
    this.#stream = stream
  }

  show(text: string): void {
    if (text === this.#shown) return
    // What follows the text is erased after it: a line that is empty for a moment flickers.
    this.#stream.write(`${this.#up()}${text}${ERASE}\n`)
    this.#shown = text
  }

  clear(): void {
    if (this.#shown !== '') this.#stream.write(`${this.#up()}${ERASE}`)
    this.#shown = ''
  }

  #up(): string {
    return this.#shown === '' ? '' : UP
  }
}
