import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Files, RunOptions } from '../../src/index.ts'
import { CliError } from '../status.ts'

const OTHER_FILE = 'another file to -o, or --force to begin anew'

/** What all runs of a batch have in common and decides about their outcomes. */
export interface Setting {
  /** How the input is read, and how output is compared. */
  readonly mode: readonly string[]
  readonly defaults: RunOptions
}

/**
 * Says by the `key` of a result whether it is a result of this program, these options and this job. A key
 * has eight hexadecimal digits of each. It is made to notice mistakes, not forgery.
 */
export class Identity {
  readonly #program: string
  readonly #options: string

  private constructor(program: string, options: string) {
    this.#program = program
    this.#options = options
  }

  /** @throws {CliError} when the program cannot be read. */
  static async of(programPath: string, setting: Setting): Promise<Identity> {
    const hash = createHash('sha256')
    try {
      await pipeline(createReadStream(programPath), hash)
    } catch (error) {
      throw new CliError(`cannot read the program: ${(error as Error).message}`, { cause: error })
    }
    const options = createHash('sha256').update(canonical(setting))
    return new Identity(short(hash.digest('hex')), short(options.digest('hex')))
  }

  key(jobDigest: number): string {
    return `${this.#program}-${this.#options}-${hex(jobDigest)}`
  }

  /** Says what differs and what to do, if a result with this key is not of this program and these options. */
  difference(key: ResultKey): string | undefined {
    if (key.program !== this.#program) return `another program; give ${OTHER_FILE}`
    if (key.options !== this.#options)
      return `other options; give the options of before, or ${OTHER_FILE}`
    return undefined
  }
}

/** A result's `key`, taken apart. */
export interface ResultKey {
  readonly program: string
  readonly options: string
  readonly job: number
}

const KEY = /^([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})$/

export function parseKey(key: unknown): ResultKey | undefined {
  const match = typeof key === 'string' ? KEY.exec(key) : null
  if (match === null) return undefined
  const [, program = '', options = '', job = ''] = match
  return { program, options, job: Number.parseInt(job, 16) }
}

/** The same text for the same options, in whatever order they were given. */
function canonical({ mode, defaults }: Setting): string {
  const { preopens, clock, files, ...rest } = defaults
  const granted = Object.entries(preopens ?? {}).map(([guestPath, grant]) => {
    const { hostPath, access } =
      typeof grant === 'string' ? { hostPath: grant, access: 'read' } : grant
    return [guestPath, resolve(hostPath), access]
  })
  const now = typeof clock === 'object' ? Number(clock.now) : 'real'
  return JSON.stringify(
    sorted({
      mode,
      ...rest,
      clock: now,
      files: files && digestOf(files),
      preopens: Object.fromEntries(granted.map(([path, ...grant]) => [path, grant])),
    }),
  )
}

function sorted(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}`
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, item]) => [name, sorted(item)])
}

/** The same for the same files, in whatever order they were given. */
function digestOf(files: Files): string {
  const hash = createHash('sha256')
  const names = Object.keys(files).toSorted()
  for (const name of names) {
    const content = files[name]!
    const isFile = typeof content === 'string' || content instanceof Uint8Array
    // The length of the name, too: one text is not two.
    hash.update(`${name.length} ${name} ${isFile ? content.length : 'folder'} `)
    hash.update(isFile ? content : digestOf(content))
  }
  return hash.digest('hex')
}

function short(digest: string): string {
  return digest.slice(0, 8)
}

/** Eight digits, by a table: V8 has a quick `toString` only for decimals. */
function hex(digest: number): string {
  return (
    BYTES[digest >>> 24]! +
    BYTES[(digest >>> 16) & 0xff]! +
    BYTES[(digest >>> 8) & 0xff]! +
    BYTES[digest & 0xff]!
  )
}

const BYTES: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
)
