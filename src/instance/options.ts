import { checkOptions, invalid } from '../check.ts'
import type { Limits } from '../options.ts'
import { encodeCallLimits } from '../port/encode-options.ts'
import { Encoder, OPTIONS_BYTES } from '../encoder.ts'

/**
 * The options of calls; others are those of the instance.
 *
 * @example
 * await instance.with({ limits: { timeoutMs: 50 } }).call('add', 1, 2)
 */
export interface CallOptions {
  /**
   * The caps of one call. A cap that is not given is that of the instance. Memory, files and sockets belong to the
   * instance, so a call has no cap on them; a call can have a cap on fuel if the instance has one.
   */
  limits?:
    Omit<Limits, 'memoryBytes' | 'onMemory' | 'filesBytes' | 'filesCount' | 'sockets'> | undefined
  /**
   * Aborts the call. A call that has not begun is then not made; the abort of one that has begun ends the instance. Not
   * for `callSync`.
   */
  signal?: AbortSignal | undefined
}

const OPTIONS = ['limits', 'signal'] as const

/** {@link CallOptions}, checked and encoded. */
export interface CheckedCallOptions {
  readonly limits: Encoder | undefined
  readonly signal: AbortSignal | undefined
  /** The limits that were given. */
  readonly given: { readonly limits: CallOptions['limits'] }
}

/** @throws {WasiexecError} `ERR_INVALID_OPTION`. */
export function checkCallOptions(options: unknown): CheckedCallOptions {
  checkOptions(options, OPTIONS)
  const { limits, signal } = options as CallOptions
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalid('signal', 'an AbortSignal', signal)
  }
  if (limits === undefined) return { limits: undefined, signal, given: { limits } }
  const encoded = new Encoder(OPTIONS_BYTES)
  encodeCallLimits(limits, encoded)
  const given = { limits: { ...limits } }
  return { limits: encoded.length === 0 ? undefined : encoded, signal, given }
}

/** Those of calls that have none of their own. */
export const ALL: CheckedCallOptions = checkCallOptions({})
