import type { JsonOutcome, Outcome } from '../src/index.ts'

/** What a guest printed or was given: bytes, or the text that a results file has of them. */
export type Printed = string | Uint8Array

/** An outcome of the library, live or read from JSON. */
export type ReportOutcome = Outcome | JsonOutcome

/** A result as a report takes it: a `BatchResult`, or a line of a results file, and what is known of its job. */
export interface ReportResult {
  readonly index: number
  readonly id?: unknown
  readonly outcome?: ReportOutcome | undefined
  /** In place of an outcome. */
  readonly error?: { readonly code: string; readonly message: string } | undefined
  /** A judge's word; all but `accepted` count as failing. */
  readonly verdict?: string | undefined
  /** Where the job came from, such as a file's name. */
  readonly label?: string | undefined
  /** What the guest was or would have been given; a stdin that is a stream is not shown. */
  readonly job?: { readonly args?: unknown; readonly stdin?: unknown } | undefined
  /** What the guest had to print for a judge. */
  readonly expected?: Printed | undefined
}

/** The kinds of endings; people want exits with 0 apart from exits with other codes. */
export const KINDS = ['ok', 'exit', 'trap', 'limit', 'abort', 'error'] as const
export type Kind = (typeof KINDS)[number]

/** The good verdict. */
export const ACCEPTED = 'accepted'

/** How a result ended: its kind, and its exact ending in a few words. */
export interface Ending {
  readonly kind: Kind
  readonly ending: string
}

/** Only names in edited results files are longer. */
const MAX_WORD = 80

/** Most results have it. */
const OK: Ending = { kind: 'ok', ending: 'exit 0' }

export function endingOf({ outcome, error }: ReportResult): Ending {
  if (outcome === undefined) {
    return { kind: 'error', ending: word(`error ${error?.code ?? ''}`.trimEnd()) }
  }
  switch (outcome.kind) {
    case 'exit':
      return outcome.code === 0 ? OK : { kind: 'exit', ending: word(`exit ${outcome.code}`) }
    case 'trap':
      return { kind: 'trap', ending: word(`trap ${outcome.trap.code}`) }
    case 'limit':
      return { kind: 'limit', ending: word(`limit ${outcome.limit}`) }
    case 'abort':
      return { kind: 'abort', ending: word(`abort${codeOf(outcome.reason)}`) }
    default:
      return outcome satisfies never
  }
}

export function isFailing({ outcome, verdict }: ReportResult): boolean {
  return verdict === undefined
    ? !(outcome?.kind === 'exit' && outcome.code === 0)
    : verdict !== ACCEPTED
}

export function word(text: string): string {
  return text.length > MAX_WORD ? `${text.slice(0, MAX_WORD - 1)}…` : text
}

/** The code of our own reasons; others are values of the caller, and each may be different. */
function codeOf(reason: unknown): string {
  const { code } = (reason ?? {}) as { code?: unknown }
  return typeof code === 'string' && code.startsWith('ERR_') ? ` ${code}` : ''
}
