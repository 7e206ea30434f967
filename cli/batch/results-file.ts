import type { BigIntStats } from 'node:fs'
import { open, stat, unlink, type FileHandle } from 'node:fs/promises'
import { CliError } from '../status.ts'
import { chunks } from './chunks.ts'
import { LF, LineSplitter } from './lines.ts'
import { lock } from './lock.ts'
import { PartlyWritten } from './result-queue.ts'
import { isTornResult, parseResult, type StoredResult } from './result-line.ts'

/** What to do with an existing file: refuse it, write over it, or continue it. */
export type OpenMode = 'new' | 'force' | 'resume'

/** No line that is written is longer: strings have at most half a gigabyte. */
const MAX_RESULT_BYTES = 2 ** 31 - 1

/** The file that results are written to. Nothing in it is changed before {@link begin}. */
export class ResultsFile {
  readonly path: string
  readonly #handle: FileHandle
  /** Other files (a device, a pipe) are written to as results come, and cannot be resumed. */
  readonly isRegular: boolean
  readonly #isNew: boolean
  readonly #unlock: () => void
  /** Where the next result goes. */
  #position = 0

  private constructor(
    path: string,
    handle: FileHandle,
    is: { regular: boolean; new: boolean },
    unlock: () => void,
  ) {
    this.path = path
    this.#handle = handle
    this.isRegular = is.regular
    this.#isNew = is.new
    this.#unlock = unlock
  }

  /**
   * @param others Other files of the batch; the results must not go to one of these.
   * @throws {CliError}
   */
  static async open(path: string, mode: OpenMode, others: readonly string[]): Promise<ResultsFile> {
    const there = await identify(path)
    if (there?.isDirectory()) throw new CliError(`${path} is a folder, and results need a file`)
    for (const other of there?.isFile() ? others : []) {
      if (isSame(there!, await identify(other))) {
        throw new CliError(
          `${path} is a file that the batch reads (${other}); results need another file`,
        )
      }
    }
    if (there?.isFile() && mode === 'new') {
      throw new CliError(`${path} exists; --resume continues it, --force replaces what is in it`)
    }
    if (there !== undefined && !there.isFile() && mode === 'resume') {
      throw new CliError(`${path} is not a regular file, and cannot be resumed`)
    }
    const handle = await openFor(path, there)
    const { dev, ino } = await handle.stat({ bigint: true })
    const isRegular = there?.isFile() ?? true
    const unlock = isRegular ? await lock(`wasiexec-batch-${dev}-${ino}`) : ignore
    if (unlock === undefined) {
      await handle.close()
      throw new CliError(`another batch is writing to ${path}`)
    }
    return new ResultsFile(path, handle, { regular: isRegular, new: there === undefined }, unlock)
  }

  /**
   * The results in the file. What stands after the last line feed is not a result, and {@link begin} cuts it
   * off.
   *
   * @throws {CliError} when the file is not a file of results.
   */
  async *results(): AsyncGenerator<StoredResult, void> {
    const lines = new LineSplitter(MAX_RESULT_BYTES)
    for await (const chunk of chunks(this.#handle, true)) {
      for (const { bytes, number, end } of lines.push(chunk)) {
        const result = bytes && parseResult(bytes)
        if (result === undefined) {
          throw this.refusal(
            `line ${number} is not a result of a batch; results before it: ${number - 1}`,
          )
        }
        this.#position = end
        yield result
      }
    }
    for (const { bytes, number } of lines.end()) {
      if (number === 1 && !(bytes && isTornResult(bytes))) {
        throw this.refusal('it is not a file of results')
      }
    }
  }

  /** Makes the file ready for new results: cuts off what is not to stay. */
  async begin(): Promise<void> {
    if (this.isRegular) await this.#handle.truncate(this.#position)
  }

  /** @throws {PartlyWritten} when the disk is full, for example; the file then ends with a whole line. */
  async write(bytes: Buffer): Promise<void> {
    let written = 0
    try {
      while (written < bytes.length) {
        const left = bytes.length - written
        const position = this.isRegular ? this.#position + written : null
        written += (await this.#handle.write(bytes, written, left, position)).bytesWritten
      }
    } catch (error) {
      const whole = bytes.subarray(0, bytes.subarray(0, written).lastIndexOf(LF) + 1)
      this.#position += whole.length
      if (this.isRegular) await this.#handle.truncate(this.#position).catch(ignore)
      throw new PartlyWritten(whole, error)
    }
    this.#position += written
  }

  /** Resolves when what was written would survive a power cut. */
  async sync(): Promise<void> {
    if (this.isRegular) await this.#handle.sync()
  }

  /** @param isFinished Whether a new file stays if it is empty, because there was nothing to do. */
  async close(isFinished: boolean): Promise<void> {
    await this.#handle.close()
    if (this.#isNew && this.#position === 0 && !isFinished) await unlink(this.path).catch(ignore)
    this.#unlock()
  }

  /** An error that says why the file cannot be continued. */
  refusal(why: string): CliError {
    return new CliError(`cannot resume ${this.path}: ${why}`)
  }
}

async function openFor(path: string, there: BigIntStats | undefined): Promise<FileHandle> {
  const flags = there === undefined ? 'wx+' : there.isFile() ? 'r+' : 'w'
  try {
    return await open(path, flags)
  } catch (error) {
    throw new CliError(`cannot write the results: ${(error as Error).message}`, { cause: error })
  }
}

async function identify(path: string): Promise<BigIntStats | undefined> {
  return stat(path, { bigint: true }).catch(() => undefined)
}

function isSame(a: BigIntStats, b: BigIntStats | undefined): boolean {
  return a.dev === b?.dev && a.ino === b.ino
}

function ignore(): void {}
