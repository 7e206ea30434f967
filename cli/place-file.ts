import type { Io } from './io.ts'
import { CliError, interruptStatus } from './status.ts'
import { writeWholeFile } from './whole-file.ts'

/** Writes what a verb has made, unless it is interrupted. */
export async function placeFile(
  io: Io,
  file: Uint8Array,
  output: string,
  force: boolean,
): Promise<void> {
  const controller = new AbortController()
  const stop = io.onInterrupt((signal) => controller.abort(signal))
  const { signal } = controller
  try {
    await writeWholeFile(output, file, { replace: force, signal })
  } catch (error) {
    if (signal.aborted) {
      const status = interruptStatus(signal.reason)
      throw new CliError(`aborted by ${String(signal.reason)}`, { status, cause: error })
    }
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new CliError(`${output} exists; --force replaces it`)
    throw new CliError(`cannot write ${output}: ${message}`, { cause: error })
  } finally {
    stop()
  }
}
