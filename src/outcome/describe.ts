import type { JsonOutcome } from './json.ts'
import type { CallOutcome } from './types.ts'

/**
 * How a run ended, as a sentence without its full stop: for messages and logs. Programs read `kind` and
 * what comes with it, because these words may change.
 *
 * @example
 * describeOutcome(await program.run()) // 'the program exited with code 2'
 */
export function describeOutcome(outcome: CallOutcome | JsonOutcome): string {
  switch (outcome.kind) {
    case 'exit':
      return `the program exited with code ${outcome.code}`
    case 'trap':
      return `the program trapped: ${outcome.trap.message} (${outcome.trap.code})`
    case 'limit':
      return `the program was ended by its ${outcome.limit} limit`
    case 'abort':
      return 'the program was aborted'
    case 'returned':
      return 'the function returned'
    default:
      return outcome satisfies never
  }
}
