import { constants, isUtf8 } from 'node:buffer'
import type { Outcome } from '../src/index.ts'

/**
 * What `JSON.stringify` has to be given for an outcome: itself, or, where it printed what is not UTF-8,
 * an object that also has the bytes, as `stdoutBase64` or `stderrBase64`.
 *
 * @throws {RangeError} when it printed more than a string can have; `JSON.stringify` does so for less.
 */
export function outcomeJson(outcome: Outcome): object {
  // Where a buffer has 2 GiB, Node's `toString` ends the process instead.
  if (Math.max(outcome.stdout.length, outcome.stderr.length) > constants.MAX_STRING_LENGTH) {
    throw new RangeError('output longer than a string')
  }
  const isText = { stdout: isUtf8(outcome.stdout), stderr: isUtf8(outcome.stderr) }
  if (isText.stdout && isText.stderr) return outcome
  const { stdout, stderr, usage, ...rest } = JSON.parse(JSON.stringify(outcome)) as Record<
    string,
    unknown
  >
  return {
    ...rest,
    stdout,
    ...(isText.stdout ? {} : { stdoutBase64: outcome.stdout.toString('base64') }),
    stderr,
    ...(isText.stderr ? {} : { stderrBase64: outcome.stderr.toString('base64') }),
    usage,
  }
}
