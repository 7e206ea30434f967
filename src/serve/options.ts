import type { IncomingMessage } from 'node:http'
import { checkOptions, invalid, omit } from '../check.ts'
import type { Imports } from '../imports.ts'
import { RUN_OPTIONS, without } from '../option-names.ts'
import type { Limits, RunOptions } from '../options.ts'
import type { HostError, Outcome } from '../outcome.ts'
import type { Sent } from './exchange.ts'

/**
 * What is served: by `fetch` or by `node`.
 *
 * @example
 * const name = ({ method, url }: ServedRequest) => `${method} ${url}`
 */
export type ServedRequest = Request | IncomingMessage

/**
 * The caps of each request.
 *
 * @example
 * const limits: ServeLimits = { timeoutMs: 1000, requestBytes: 1 << 20, responseBytes: 8 << 20 }
 */
export interface ServeLimits extends Limits {
  /**
   * Bytes of the body of the request. One that says that it has more is refused with the status 413, without a run. The run
   * of one that turns out to have more ends before the guest sees these, also with a 413 if there is no response.
   */
  requestBytes?: number | undefined
  /** Bytes of the body of the response. The run ends instead of sending more, and the body breaks off. */
  responseBytes?: number | undefined
}

/**
 * How a component handles requests. Each request gets an instance of its own with these options.
 *
 * @example
 * const handler = await program.serve({
 *   limits: { timeoutMs: 1000 },
 *   onOutcome: (outcome, { url }) => outcome.ok || console.error(url, describeOutcome(outcome)),
 * })
 */
export interface ServeOptions<Ending extends Outcome | HostError = Outcome> extends Pick<
  RunOptions,
  | 'args'
  | 'env'
  | 'stdout'
  | 'stderr'
  | 'onBrokenPipe'
  | 'preopens'
  | 'network'
  | 'http'
  | 'config'
  | 'keyvalue'
  | 'clock'
  | 'randomSeed'
> {
  /** As for a run, and for the bodies of requests and responses. */
  limits?: ServeLimits | undefined
  /** Only in {@link HostedServeOptions}, because such a request can end in one more way. */
  imports?: undefined
  /** Called when the run of a request has ended. What it throws is an uncaught exception. */
  onOutcome?: ((outcome: Ending, request: ServedRequest, response: Sent) => void) | undefined
  /**
   * Called with what keeps a request by `node` from being run, or its response from being sent. Default:
   * `process.emitWarning`. `fetch` rejects instead.
   * What it throws is an uncaught exception, after the client was answered.
   */
  onError?: ((error: unknown, request: ServedRequest) => void) | undefined
}

/**
 * How a component handles requests for which functions are provided that it imports.
 *
 * @example
 * const handler = await program.serve({ imports: { log: (text: string) => console.log(text) } })
 */
export interface HostedServeOptions extends Omit<ServeOptions<Outcome | HostError>, 'imports'> {
  /** As for a run. */
  imports: Imports
}

/** The options of a run that a request takes the place of, and those of the end of a run. */
const OF_RUNS = ['stdin', 'files', 'filesAt', 'collect', 'signal'] as const

const OWN = ['onOutcome', 'onError'] as const

/** A new option of runs is one of these, too: the type says whether that was meant. */
const OPTIONS: readonly (keyof ServeOptions)[] = [...without(RUN_OPTIONS, OF_RUNS), ...OWN]

type AnyServeOptions = ServeOptions | HostedServeOptions

/** The options, apart: those of each run, and who hears of it. */
export interface CheckedServeOptions {
  readonly run: Omit<AnyServeOptions, 'onOutcome' | 'onError'>
  readonly onOutcome: HostedServeOptions['onOutcome']
  readonly onError: HostedServeOptions['onError']
}

/**
 * Checks what is not an option of a run.
 *
 * @throws {WasiexecError} `ERR_INVALID_OPTION`.
 */
export function checkServeOptions(options: AnyServeOptions): CheckedServeOptions {
  checkOptions(options, OPTIONS)
  const { onOutcome, onError } = options as HostedServeOptions
  for (const [name, value] of Object.entries({ onOutcome, onError })) {
    if (value !== undefined && typeof value !== 'function') throw invalid(name, 'a function', value)
  }
  return { run: omit(options, OWN), onOutcome, onError }
}
