import { fileURLToPath } from 'node:url'
import * as native from './binding.cjs'
import { WORKER } from './worker.ts'

export type NativePort = native.BindingPort
export type PortOptions = native.BindingRuntimeOptions
export type LoadRequest = native.BindingLoadRequest

/** The compiled core, loaded for this platform. */
export { native }

/** How a worker process is started: as this Node, with {@link WORKER}. */
export function workerLaunch(): { program: string; arguments: string[] } {
  return {
    program: process.execPath,
    arguments: ['-e', WORKER, fileURLToPath(native.addonUrl())],
  }
}
