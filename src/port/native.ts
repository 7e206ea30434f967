import { fileURLToPath } from 'node:url'
import type * as types from './binding.cjs'
// Its default: which names a CommonJS module exports is guessed, and not everywhere.
import binding from './binding.cjs'
import { WORKER } from './worker.ts'

export type NativePort = types.BindingPort
export type PortOptions = types.BindingRuntimeOptions
export type LoadRequest = types.BindingLoadRequest

/** The compiled core, loaded for this platform. */
export const native: Omit<typeof types, 'default'> = binding

/** How a worker process is started: as this Node, with {@link WORKER}. */
export function workerLaunch(): { program: string; arguments: string[] } {
  return {
    program: process.execPath,
    arguments: ['-e', WORKER, fileURLToPath(native.addonUrl())],
  }
}
