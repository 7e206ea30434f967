import { inspect } from 'node:util'
import { excerpt, type Excerpt } from './excerpt.ts'
import type { Group } from './groups.ts'
import { word, type Kind, type Printed, type ReportResult } from './result.ts'
import type { Frame, JsonOutcome, TrapInfo } from '../src/index.ts'

/** A job that the page lists. It has text of its own, and nothing of the result that it was made from. */
export interface ListedJob {
  readonly index: number
  /** When its result came, in milliseconds since the start; `undefined` for one of an earlier session. */
  readonly at: number | undefined
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
  /** Where a trap is in the program's own source, if it is not the innermost frame. */
  readonly location: string | undefined
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

export function listedJob(group: Group, result: ReportResult, at: number | undefined): ListedJob {
  const { index, id, label, outcome, error, job, expected } = result
  const usage = outcome?.usage
  const trap = outcome?.kind === 'trap' ? outcome.trap : undefined
  return {
    index,
    at,
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
    ...traceOf(trap),
    args: excerpt(argsText(job?.args), INPUT_BYTES, 0),
    stdin: excerpt(job?.stdin, INPUT_BYTES, 0),
    expected: excerpt(expected),
    stdout: excerpt(printed(outcome, 'stdout')),
    stderr: excerpt(printed(outcome, 'stderr')),
  }
}

/** The innermost frame is the first one: only another place in the program's own source is a place of its own. */
function traceOf(trap: TrapInfo | undefined): Pick<ListedJob, 'location' | 'frames'> {
  const frames = (trap?.frames ?? []).slice(0, MAX_FRAMES).map(frameText)
  const location = trap?.location && frameText(trap.location)
  return { location: location === frames[0] ? undefined : location, frames }
}

function frameText(frame: Frame): string {
  return cut(frameLine(frame), MAX_FRAME)
}

/** The text of what is not UTF-8 has replacement characters, and JSON has the bytes beside it. */
function printed(
  outcome: ReportResult['outcome'],
  stream: 'stdout' | 'stderr',
): Printed | undefined {
  const bytes = (outcome as Partial<JsonOutcome> | undefined)?.[`${stream}Base64`]
  return bytes === undefined ? outcome?.[stream] : Buffer.from(bytes, 'base64')
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
