/**
 * What a worker process does: it loads the compiled core, which serves a socket, and runs no other
 * JavaScript meanwhile. The function is passed to `node -e` as text, so that a bundle of the library needs
 * no file beside it. It must not use anything from outside of itself.
 */
function work(): void {
  // These go to a whole group of processes, and are meant for the process that started this one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
  const [, addon = '', descriptor] = process.argv
  const core = { exports: {} as { serveWorker(descriptor: number): void } }
  // Not `require`, which bundlers replace with a function of their own.
  process.dlopen(core, addon)
  core.exports.serveWorker(Number(descriptor))
  // The socket is closed, and nothing is left to be cleaned up.
  process.kill(process.pid, 'SIGKILL')
}

/** The program of a worker process; its arguments are the path of the addon and the socket's descriptor. */
export const WORKER: string = `(${work.toString()})()`
