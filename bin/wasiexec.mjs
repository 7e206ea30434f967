#!/usr/bin/env node
// The command: hands the process to `main` and takes its status back. Nothing else of it touches `process`.
const { main } = await import('../dist/cli/main.mjs').catch(explain)

process.exitCode = await main(process.argv.slice(2), {
  // Only when somebody asks for it: opening it changes how it is read.
  get stdin() {
    return process.stdin
  },
  stdout: process.stdout,
  stderr: process.stderr,
  inherit: true,
  env: process.env,
  onInterrupt(listener) {
    const signals = ['SIGINT', 'SIGTERM']
    const stop = () => signals.forEach((signal) => process.off(signal, interrupt))
    // The second one finds no listener, and ends the process as it would any other.
    const interrupt = (signal) => {
      stop()
      listener(signal)
    }
    signals.forEach((signal) => process.on(signal, interrupt))
    return stop
  },
})

/** The binary is not there, or not for this machine: all that can fail before there is a command. */
function explain({ message }) {
  console.error(`wasiexec: ${message}`)
  process.exit(125)
}
