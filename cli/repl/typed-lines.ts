import { createInterface, type Interface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { OutputStream } from '../io.ts'
import type { Lines, Reader } from './lines.ts'

/**
 * Lines that are typed on a terminal. Only while one is read does Node edit it; in between the terminal does, and Ctrl-C is
 * a signal.
 */
export class TypedLines implements Lines {
  readonly isTyped = true
  readonly place = ''
  readonly #stdin: Readable
  readonly #stdout: OutputStream
  /** Lines that were pasted behind the one that was read. */
  readonly #queue: string[] = []
  /** What was pasted behind them. */
  #typed = ''
  #history: string[] = []

  constructor(stdin: Readable, stdout: OutputStream) {
    this.#stdin = stdin
    this.#stdout = stdout
  }

  async read(reader: Reader): Promise<string | undefined> {
    for (;;) {
      const queued = this.#queue.shift()
      if (queued !== undefined) {
        this.#stdout.write(`${reader.prompt}${queued}\n`)
        return queued
      }
      if (reader.signal?.aborted === true || this.#stdin.readableEnded) return undefined
      const end = await this.#edit(reader)
      if (end === 'line') return this.#queue.shift()
      if (end === 'end') return undefined
    }
  }

  /** Nothing is open between two lines. */
  close(): void {}

  /** Waits for a line, or several, which then are in the queue. */
  async #edit({ prompt, names, onInterrupt, signal }: Reader): Promise<'line' | 'end' | 'cleared'> {
    const lines = createInterface({
      input: this.#stdin,
      output: this.#stdout as NodeJS.WritableStream,
      terminal: true,
      prompt,
      ...(names === undefined
        ? { historySize: 0 }
        : { history: this.#history, removeHistoryDuplicates: true, completer: complete(names) }),
    })
    if (names !== undefined) lines.on('history', (history) => (this.#history = [...history]))
    lines.prompt()
    lines.write(this.#typed)
    const end = await new Promise<'line' | 'end' | 'cleared'>((resolve) => {
      const onAbort = (): void => resolve('end')
      signal?.addEventListener('abort', onAbort, { once: true })
      lines.on('line', (line) => {
        this.#queue.push(line)
        resolve('line')
      })
      lines.on('SIGINT', () => {
        this.#newLine(lines, '^C')
        if (onInterrupt === undefined) resolve('cleared')
        else onInterrupt()
      })
      lines.on('close', () => {
        signal?.removeEventListener('abort', onAbort)
        resolve('end')
      })
    })
    // All that was pasted has been taken by now.
    this.#typed = end === 'line' ? lines.line : ''
    lines.close()
    return end
  }

  /** Ctrl-C may come in the middle of a line. */
  #newLine(lines: Interface, text: string): void {
    lines.write(null, { ctrl: true, name: 'e' })
    this.#stdout.write(`${text}\n`)
  }
}

function complete(names: NonNullable<Reader['names']>): (line: string) => [string[], string] {
  return (line) => {
    const [, typed] = /^\s*(\S*)$/.exec(line) ?? []
    if (typed === undefined) return [[], line]
    return [names(typed).filter((name) => name.startsWith(typed)), typed]
  }
}
