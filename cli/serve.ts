import { once } from 'node:events'
import { opendir } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describeOutcome, type Handler, type ServeOptions } from '../src/index.ts'
import { thrownWords } from '../src/words.ts'
import { print, printable, say, type Io } from './io.ts'
import { addLimits } from './limits.ts'
import { addNetworkOptions, networkOptions, type NetworkFlags } from './network.ts'
import { host, port } from './parse.ts'
import { openProgram, PROGRAM_ARGUMENT } from './program.ts'
import {
  addLoadOptions,
  addRunOptions,
  loadOptions,
  runOptions,
  type LoadFlags,
  type RunFlags,
} from './run-options.ts'
import { CliError, STATUS } from './status.ts'
import { addStoreOptions, storeOptions, type StoreFlags } from './stores.ts'
import { examples, type Verb } from './verb.ts'

interface Flags extends RunFlags, LoadFlags, NetworkFlags, StoreFlags {
  port: number
  host: string
}

export const verb: Verb = {
  describe(command, io) {
    command
      .description(
        'Serves HTTP with a component of wasi:http. Each request gets an instance of its own, with the limits.',
      )
      .usage('[options] <prog.wasm>')
      .argument('<prog.wasm>', PROGRAM_ARGUMENT)
      .option('--port <number>', 'where to listen; 0 is any free port', port, 8080)
      .option('--host <address>', 'the local address or name to listen on', host, '127.0.0.1')
    addRunOptions(command, io)
    addNetworkOptions(command)
    addStoreOptions(command)
    command.optionsGroup('Limits of bodies:')
    addLimits(command, ['bodies'])
    addLoadOptions(command, ['tiered', 'optimizing', 'baseline'])
    command.addHelpText(
      'after',
      `${examples(
        ['wasiexec serve --port 8080 --timeout 1s app.wasm', 'at most a second per request'],
        ['wasiexec serve --allow-http https://api.example.com app.wasm', 'with an origin to ask'],
      )}

Prints its address; endings other than a success go to stderr. Ctrl-C and SIGTERM end it when the requests
that go on have ended, and a second one ends it at once.

Exit status: 0 when it was told to end; 125 an error of wasiexec.`,
    )
  },

  async execute(io, [path = ''], given) {
    const flags = given as Flags
    const program = await openProgram(io, path, loadOptions(flags))
    await checkDirectories(flags)
    let told: Promise<unknown> = Promise.resolve()
    const tell = (line: string): void => {
      told = Promise.all([told, say(io, `wasiexec: ${printable(`${program.name}: ${line}`)}`)])
    }
    const handler = await program.serve(serveOptions(io, flags, tell))
    const server = createServer(handler.node)
    let end = (): void => {}
    const ended = new Promise<void>((resolve) => (end = resolve))
    const stop = io.onInterrupt(() => end())
    try {
      await listen(server, flags)
      try {
        await print(io.stdout, `listening on ${addressOf(server)}\n`)
        await ended
      } finally {
        await drain(server, handler)
        await told
      }
    } finally {
      stop()
    }
    return STATUS.ok
  },
}

function serveOptions(io: Io, flags: Flags, tell: (line: string) => void): ServeOptions {
  const { stdout, stderr } = io
  const outputs = io.inherit
    ? ({ stdout: 'inherit', stderr: 'inherit' } as const)
    : { stdout, stderr }
  return {
    ...runOptions(flags),
    ...networkOptions(flags),
    ...storeOptions(flags),
    ...outputs,
    onOutcome: (outcome, { method = '', url = '' }, { problem }) => {
      if (outcome.ok && problem === undefined) return
      const isAbort = outcome.kind === 'abort'
      const what = isAbort ? 'the client has disconnected' : describeOutcome(outcome)
      const why = outcome.ok && problem !== undefined ? problem : what
      tell(`${method} ${url}: ${why}`)
    },
    onError: (error, { method = '', url = '' }) => {
      tell(`${method} ${url}: ${thrownWords(error)}`)
    },
  }
}

/** A directory that is not there would be told with every request, and not before the first. */
async function checkDirectories({ dir = {} }: Flags): Promise<void> {
  for (const preopen of Object.values(dir)) {
    const path = typeof preopen === 'string' ? preopen : preopen.hostPath
    try {
      await (await opendir(path)).close()
    } catch (error) {
      const { message } = error as Error
      throw new CliError(`--dir: cannot open the directory: ${message}`, { cause: error })
    }
  }
}

async function listen(server: Server, { port, host }: Flags): Promise<void> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    const { message } = error as Error
    throw new CliError(`cannot listen on ${host}, port ${port}: ${message}`, { cause: error })
  }
}

/** How long connections may stay when no request goes on. */
const GRACE_MS = 1000

/** Takes no new connections, and waits for the requests that go on. */
async function drain(server: Server, handler: Handler): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  // Connections that wait for another request.
  const closing = setInterval(() => server.closeIdleConnections(), 50)
  await handler.close()
  // Those that are in the middle of a request, or do not read.
  const cutting = setTimeout(() => server.closeAllConnections(), GRACE_MS)
  await closed
  clearTimeout(cutting)
  clearInterval(closing)
}

function addressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
