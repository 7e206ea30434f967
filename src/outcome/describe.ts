import type { JsonHostError, JsonOutcome, JsonReturned } from './json.ts'
import type { CallOutcome, HostError } from './types.ts'

/**
 * How a run ended, as a sentence without its full stop: for messages and logs. Programs read `kind` and
 * what comes with it, because these words may change.
 *
 * @example
 * describeOutcome(await program.run()) // 'the program exited with code 2'
 */
export function describeOutcome(
  outcome: CallOutcome<readonly unknown[]> | HostError | JsonOutcome | JsonReturned | JsonHostError,
): string {
  switch (outcome.kind) {
    case 'exit':
      return `the program exited with code ${outcome.code}`
    case 'trap':
      return `the program trapped: ${outcome.trap.message} (${outcome.trap.code})`
    case 'limit':
      return `the program was ended by its ${outcome.limit} limit`
    case 'abort':
      return 'the program was aborted'
    case 'host-error':
      return `a host function threw${messageOf(outcome.error)}`
    case 'returned':
      return 'the function returned'
    default:
      return outcome satisfies never
  }
}

/** `: ` and the message of an error, which may be anything; nothing where there is none. */
function messageOf(error: unknown): string {
  try {
    const message =
      typeof error === 'object' ? (error as { message?: unknown } | null)?.message : error
    return typeof message === 'string' && message !== '' ? `: ${message}` : ''
  } catch {
    return ''
  }
}
