/**
 * What a worker process does: it loads the compiled core, which serves a socket, and runs no other
 * JavaScript meanwhile. The function is given to `node -e` as text, so that a bundle needs no file beside
 * it: nothing in it may come from outside of it.
 */
function work(): void {
  // They go to a whole group of processes and are for the one that started this one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
  const [, addon = '', descriptor] = process.argv
  const core = { exports: {} as { serveWorker(descriptor: number): void } }
  // Not `require`: bundlers put a function of their own in its place.
  process.dlopen(core, addon)
  core.exports.serveWorker(Number(descriptor))
  // The socket is closed, and nothing is left to be cleaned up.
  process.kill(process.pid, 'SIGKILL')
}

/** The program of a worker process; its arguments are the path of the addon and the socket's descriptor. */
export const WORKER: string = `(${work.toString()})()`
