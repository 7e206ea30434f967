import type { Io } from './io.ts'
import { CliError, interruptStatus } from './status.ts'

/** Does work that Ctrl-C and SIGTERM give up: it then fails with their status. */
export async function interruptible<T>(
  io: Io,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const stop = io.onInterrupt((signal) => controller.abort(signal))
  const { signal } = controller
  try {
    return await work(signal)
  } catch (error) {
    if (!signal.aborted) throw error
    const status = interruptStatus(signal.reason)
    throw new CliError(`aborted by ${String(signal.reason)}`, { status, cause: error })
  } finally {
    stop()
  }
}
