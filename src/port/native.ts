import { fileURLToPath } from 'node:url'
import * as native from './binding.cjs'

export type NativePort = native.BindingPort
export type PortOptions = native.BindingRuntimeOptions
export type LoadRequest = native.BindingLoadRequest

/** The compiled core, loaded for this platform. */
export { native }

/**
 * What a worker process is: this Node with the compiled core, which serves a socket and runs no
 * JavaScript meanwhile. Signals that go to a whole group of processes are for the one that started it,
 * with which it ends, without ceremony.
 */
const WORKER =
  "for(const s of['SIGINT','SIGTERM','SIGHUP'])process.on(s,()=>{});require(process.argv[1]).serveWorker(+process.argv[2]);process.kill(process.pid,'SIGKILL')"

/** How a worker process is started. */
export function workerLaunch(): { program: string; arguments: string[] } {
  return {
    program: process.execPath,
    arguments: ['-e', WORKER, fileURLToPath(native.addonUrl())],
  }
}
