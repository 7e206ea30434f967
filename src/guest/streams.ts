import type { Readable, Writable } from 'node:stream'
import { WasiexecError } from '../errors.ts'

/** What a stream buffers, beside the window: the same on every version of Node. */
export const HIGH_WATER_BYTES: number = 64 * 1024

/** The error of a write that nobody will read, as the operating system has it for pipes. */
export function brokenPipe(): Error {
  const error = new Error('write EPIPE: the guest has ended')
  return Object.assign(error, { code: 'EPIPE', syscall: 'write' })
}

/**
 * Lets a stream fail without a listener where the failure is told elsewhere: a fault of the host by the outcome, and that
 * the guest does not read by the callback of the write. Other errors without a listener are uncaught, as always.
 */
export function needsNoListener(stream: Readable | Writable): void {
  stream.on('error', (error: unknown) => {
    const isTold =
      error instanceof WasiexecError || (error as { code?: unknown } | null)?.code === 'EPIPE'
    if (!isTold && stream.listenerCount('error') === 1) throw error
  })
}
