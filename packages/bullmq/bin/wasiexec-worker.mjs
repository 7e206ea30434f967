#!/usr/bin/env node
// The command `wasiexec worker`, also for those whose package manager does not let wasiexec find this package.
import { main } from '../dist/command.mjs'

const { stdout, stderr, env } = process
/** The second signal finds no listener, and ends the process as it would any other. */
const onInterrupt = (listener) => {
  const heard = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM']) {
    const hear = () => {
      heard.abort()
      listener(name)
    }
    heard.signal.addEventListener('abort', () => process.off(name, hear))
    process.on(name, hear)
  }
  return () => heard.abort()
}
process.exitCode = await main(process.argv.slice(2), { stdout, stderr, env, onInterrupt })
