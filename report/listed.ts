import { inspect } from 'node:util'
import { excerpt, type Excerpt } from './excerpt.ts'
import type { Group } from './groups.ts'
import { word, type Kind, type ReportResult } from './result.ts'
import type { Frame } from '../src/index.ts'

/** A job that the page lists. It has text of its own, and nothing of the result that it was made from. */
export interface ListedJob {
  readonly index: number
  readonly id: string | undefined
  readonly label: string | undefined
  readonly kind: Kind
  readonly ending: string
  readonly verdict: string | undefined
  readonly usage:
    | {
        readonly wallMs: number
        readonly cpuMs: number
        readonly memoryPeakBytes: number
        readonly fuel: string | undefined
        readonly memoryDenied: boolean
        readonly outputTruncated: boolean
      }
    | undefined
  /** The message of a trap or an error, or the reason of an abort. */
  readonly message: string | undefined
  readonly frames: readonly string[]
  readonly args: Excerpt | undefined
  readonly stdin: Excerpt | undefined
  readonly expected: Excerpt | undefined
  readonly stdout: Excerpt | undefined
  readonly stderr: Excerpt | undefined
}

const MAX_ID = 200
const MAX_MESSAGE = 1000
const MAX_FRAMES = 20
const MAX_FRAME = 300
/** Less than of the output, which says what went wrong. */
const INPUT_BYTES = 512

export function listedJob(group: Group, result: ReportResult): ListedJob {
  const { index, id, label, outcome, error, job, expected } = result
  const usage = outcome?.usage
  return {
    index,
    id: id === undefined || id === null ? undefined : cut(text(id), MAX_ID),
    label: label === undefined ? undefined : cut(label, MAX_ID),
    kind: group.kind,
    ending: group.ending,
    verdict: group.verdict,
    usage: usage && {
      wallMs: usage.wallMs,
      cpuMs: usage.cpuMs,
      memoryPeakBytes: usage.memoryPeakBytes,
      fuel: usage.fuel === undefined ? undefined : word(String(usage.fuel)),
      memoryDenied: usage.memoryDenied,
      outputTruncated: usage.outputTruncated,
    },
    message: message(outcome, error),
    frames: (outcome?.kind === 'trap' ? outcome.trap.frames : [])
      .slice(0, MAX_FRAMES)
      .map((frame) => cut(frameLine(frame), MAX_FRAME)),
    args: excerpt(argsText(job?.args), INPUT_BYTES, 0),
    stdin: excerpt(job?.stdin, INPUT_BYTES, 0),
    expected: excerpt(expected),
    stdout: excerpt(outcome?.stdout),
    stderr: excerpt(outcome?.stderr),
  }
}

/** Kinds or verdicts that have a list of their own; a judge has seven. */
const MAX_LISTS = 16

/** The slowest jobs of each kind or verdict, so that every filter leaves some. */
export class SlowestJobs {
  readonly #most: number
  readonly #lists = new Map<string, ListedJob[]>()

  constructor(most: number) {
    this.#most = most
  }

  add(group: Group, result: ReportResult): void {
    const wallMs = result.outcome?.usage.wallMs
    if (wallMs === undefined || !(wallMs > 0) || this.#most === 0) return
    const list = this.#list(`${group.kind}\n${group.verdict ?? ''}`)
    if (list.length === this.#most) {
      if (wallMs <= list.at(-1)!.usage!.wallMs) return
      list.pop()
    }
    const before = list.findIndex(({ usage }) => usage!.wallMs < wallMs)
    list.splice(before === -1 ? list.length : before, 0, listedJob(group, result))
  }

  #list(key: string): ListedJob[] {
    const known = this.#lists.get(key)
    if (known !== undefined) return known
    // The others share one list.
    if (this.#lists.size === MAX_LISTS && key !== '') return this.#list('')
    const list: ListedJob[] = []
    this.#lists.set(key, list)
    return list
  }

  listed(): ListedJob[] {
    return [...this.#lists.values()].flat().toSorted((a, b) => b.usage!.wallMs - a.usage!.wallMs)
  }
}

/** The first failing jobs, shared among endings: a million of one kind do not hide the few of another. */
export class FailingJobs {
  count = 0
  readonly #most: number
  readonly #lists = new Map<Group, ListedJob[]>()
  #held = 0
  /** Length of the longest list once there is no room left; it only shrinks from then on. */
  #longest = Infinity

  constructor(most: number) {
    this.#most = most
  }

  add(group: Group, result: ReportResult): void {
    this.count += 1
    const list = this.#lists.get(group) ?? []
    if (this.#held === this.#most && !this.#makeRoom(list.length)) return
    this.#lists.set(group, list)
    list.push(listedJob(group, result))
    this.#held += 1
  }

  listed(): ListedJob[] {
    return [...this.#lists.values()].flat().toSorted((a, b) => a.index - b.index)
  }

  /** Shortens the longest list, unless the two lists would then only have changed places. */
  #makeRoom(length: number): boolean {
    if (this.#longest !== Infinity && length + 2 > this.#longest) return false
    const lists = [...this.#lists.values()]
    this.#longest = Math.max(0, ...lists.map((list) => list.length))
    if (length + 2 > this.#longest) return false
    lists.find((list) => list.length === this.#longest)!.pop()
    this.#held -= 1
    return true
  }
}

function message(
  outcome: ReportResult['outcome'],
  error: ReportResult['error'],
): string | undefined {
  if (outcome === undefined) return cut(error?.message ?? '', MAX_MESSAGE) || undefined
  switch (outcome.kind) {
    case 'trap':
      return cut(outcome.trap.message, MAX_MESSAGE) || undefined
    case 'abort':
      return outcome.reason === undefined ? undefined : cut(text(outcome.reason), MAX_MESSAGE)
    case 'exit':
    case 'limit':
      return undefined
    default:
      return outcome satisfies never
  }
}

/** A frame as wasmtime prints it, in one line. */
function frameLine({ functionIndex, function: name, file, line, column, offset }: Frame): string {
  const place =
    file === undefined
      ? ''
      : ` at ${[file, line, column].filter((part) => part !== undefined).join(':')}`
  const where = offset === undefined ? '' : `  0x${offset.toString(16)}`
  return `${name ?? `<wasm function ${functionIndex}>`}${place}${where}`
}

function text(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Error) return value.message
  const { message } = (value ?? {}) as { message?: unknown }
  if (typeof message === 'string') return message
  return json(value)
}

/** A value as JSON, or as Node shows it where JSON cannot have it. */
function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? inspect(value)
  } catch {
    return inspect(value)
  }
}

/** The arguments of a job that could not be run may be anything. */
function argsText(args: unknown): string | undefined {
  if (Array.isArray(args)) return args.map(quote).join(' ')
  return args === undefined ? undefined : text(args)
}

/** Quotes an argument that is empty or has spaces, to set it apart from its neighbours. */
function quote(arg: unknown): string {
  return typeof arg === 'string' && /^[\w./:=@%+,-]+$/.test(arg) ? arg : json(arg)
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}
