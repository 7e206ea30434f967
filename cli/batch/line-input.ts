import { open as openNumbered } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import type { Job } from '../../src/index.ts'
import { CliError } from '../status.ts'
import { chunks } from './chunks.ts'
import { BadJob, type Input, type Item } from './item.ts'
import { parseFields, toJob } from './job-line.ts'
import { LineBlock } from './line-block.ts'
import { LineSplitter, MAX_LINE_BYTES, type Line } from './lines.ts'

const LF = Buffer.from('\n')

/** What lines are: a job each, or the stdin of a run, so many at a time. */
export type LineKind = 'job' | { readonly linesPerRun: number }

/** A file or a stream, whose lines are jobs. */
export class LineInput implements Input {
  readonly name: string
  readonly unit = 'bytes'
  readonly size: number | undefined
  readonly isRereadable: boolean
  readonly remarks: readonly string[] = []
  readonly #kind: LineKind
  readonly #source: FileHandle | Readable

  private constructor(
    name: string,
    kind: LineKind,
    source: FileHandle | Readable,
    size: number | undefined,
  ) {
    this.name = name
    this.#kind = kind
    this.#source = source
    this.size = size
    this.isRereadable = size !== undefined
  }

  static ofStream(stream: Readable, kind: LineKind): LineInput {
    return new LineInput('stdin', kind, stream, undefined)
  }

  /** @throws {CliError} when it cannot be read. */
  static async ofFile(path: string, kind: LineKind): Promise<LineInput> {
    try {
      const stats = await stat(path)
      if (stats.isDirectory()) {
        throw new CliError(
          `${path} is a folder; jobs are the lines of a file, or with --each-file the files of a folder`,
        )
      }
      const size = stats.isFile() ? stats.size : undefined
      return new LineInput(path, kind, await (stats.isFIFO() ? openPipe : open)(path), size)
    } catch (error) {
      if (error instanceof CliError) throw error
      throw new CliError(`cannot read the jobs: ${(error as Error).message}`, { cause: error })
    }
  }

  async *items(): AsyncGenerator<Item, void> {
    const kind = this.#kind
    let index = 0
    if (kind === 'job') {
      for await (const lines of this.#lines()) {
        for (const line of lines) {
          if (!isBlank(line)) yield new JobLine(this.name, line, index++)
        }
      }
      return
    }
    const block = new LineBlock(kind.linesPerRun)
    for await (const lines of this.#lines()) {
      for (const line of lines) {
        const whole = block.push(line)
        if (whole !== undefined) yield new StdinLines(this.name, whole, index++)
      }
    }
    const rest = block.end()
    if (rest !== undefined) yield new StdinLines(this.name, rest, index)
  }

  async close(): Promise<void> {
    const source = this.#source
    if (!isHandle(source)) {
      source.destroy()
      return
    }
    const closed = source.close().catch(() => {})
    // To close a device would wait for a read that may have no end.
    if (this.isRereadable) await closed
  }

  #open(): AsyncIterable<Buffer | string> {
    const source = this.#source
    return isHandle(source) ? chunks(source, this.isRereadable) : source
  }

  /** Those of each chunk; to be read before the next ones. */
  async *#lines(): AsyncGenerator<Iterable<Line>, void> {
    const lines = new LineSplitter()
    for await (const chunk of this.#open()) {
      yield lines.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
    }
    yield lines.end()
  }
}

/** Drops its bytes once the job is made. */
abstract class LineItem implements Item {
  readonly index: number
  readonly line: number
  readonly end: number
  id: unknown
  made: Job | undefined
  readonly #input: string
  readonly #digest: number
  #bytes: Buffer | undefined

  constructor(input: string, line: Line, index: number) {
    this.#input = input
    this.index = index
    this.line = line.number
    this.end = line.end
    this.#bytes = line.bytes
    this.#digest = crc32(line.bytes ?? `${line.length}`)
  }

  get place(): string {
    return `${this.#input}, line ${this.line}`
  }

  digest(): number {
    return this.#digest
  }

  job(): Job {
    const bytes = this.#bytes
    this.#bytes = undefined
    if (bytes === undefined) {
      throw new BadJob('ERR_INVALID_LINE', `longer than ${MAX_LINE_BYTES / 2 ** 20} MiB`)
    }
    return this.make(bytes)
  }

  protected abstract make(bytes: Buffer): Job
}

class JobLine extends LineItem {
  protected override make(bytes: Buffer): Job {
    const fields = parseFields(bytes)
    this.id = fields['id']
    return toJob(fields)
  }
}

class StdinLines extends LineItem {
  /** The stdin is a text file of these lines. */
  protected override make(bytes: Buffer): Job {
    return { stdin: Buffer.concat([bytes, LF]) }
  }
}

/** As a stream: a read by the file system could wait for ever, and the process would wait with it. */
async function openPipe(path: string): Promise<Readable> {
  return new Socket({
    fd: await promisify(openNumbered)(path, 'r'),
    readable: true,
    writable: false,
  })
}

function isHandle(source: FileHandle | Readable): source is FileHandle {
  return !('pipe' in source)
}

/** Whether a line has nothing but JSON's white space. */
function isBlank({ bytes }: Line): boolean {
  return bytes !== undefined && bytes.every((byte) => byte === 0x20 || byte === 9 || byte === 13)
}
