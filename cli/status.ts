import { WasiexecError, type CallOutcome, type HostError, type Limit } from '../src/index.ts'
import type { InterruptSignal } from './io.ts'

/** The exit statuses that are ours; all others are a guest's own. */
export const STATUS = {
  ok: 0,
  /** The timeout, CPU or fuel limit: as timeout(1). */
  timeout: 124,
  /** Our own error, as env(1) and docker: bad options, a broken program, an output that exists. */
  error: 125,
  /** Ctrl-C: 128 + SIGINT. */
  SIGINT: 130,
  /** 128 + SIGABRT, as wasmtime. */
  trap: 134,
  /** 128 + SIGKILL, as docker and the kernel when memory runs out. */
  memory: 137,
  /** 128 + SIGPIPE: the reader of our output has gone. */
  brokenPipe: 141,
  /** 128 + SIGTERM. */
  SIGTERM: 143,
  /** 128 + SIGXFSZ: more output than allowed, or more bytes through the network. */
  output: 153,
} as const

const LIMIT_STATUS: Readonly<Record<Limit['limit'], number>> = {
  timeout: STATUS.timeout,
  cpu: STATUS.timeout,
  fuel: STATUS.timeout,
  memory: STATUS.memory,
  output: STATUS.output,
  network: STATUS.output,
  request: STATUS.output,
  response: STATUS.output,
}

/** What went wrong outside of a guest: one line on stderr and a status, 125 unless another is given. */
export class CliError extends Error {
  readonly status: number

  constructor(message: string, options?: ErrorOptions & { status?: number | undefined }) {
    super(message, options)
    this.name = 'CliError'
    this.status = options?.status ?? STATUS.error
  }
}

/** An outcome as an exit status; the operating system has a guest's code modulo 256. */
export function statusOf(outcome: CallOutcome | HostError): number {
  switch (outcome.kind) {
    case 'returned':
      return STATUS.ok
    case 'exit':
      return outcome.code & 0xff
    case 'trap':
      return STATUS.trap
    case 'limit':
      return LIMIT_STATUS[outcome.limit]
    case 'abort':
      if (isBrokenPipe(outcome.reason)) return STATUS.brokenPipe
      return interruptStatus(outcome.reason) ?? STATUS.error
    case 'host-error':
      return STATUS.error
    default:
      return outcome satisfies never
  }
}

/** Whether a run ended because nobody reads its output. */
export function isBrokenPipe(reason: unknown): boolean {
  return reason instanceof WasiexecError && reason.code === 'ERR_BROKEN_PIPE'
}

/** The status of a command that this signal ended. */
export function interruptStatus(reason: unknown): number | undefined {
  return reason === 'SIGINT' || reason === 'SIGTERM'
    ? STATUS[reason satisfies InterruptSignal]
    : undefined
}
