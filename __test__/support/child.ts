// Scripts in a Node process of their own, for what only a process can show.
import { spawn, type ChildProcess } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { PATIENCE_MS } from './patience.ts'

/** How a process ended. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface ChildOptions {
  /** What it gets on stdin; default: nothing. */
  stdin?: string
  env?: Record<string, string>
  nodeArguments?: readonly string[]
  /** A limit on its address space, in KiB; not on Windows. */
  addressSpace?: number
  /** A command that runs it. */
  under?: string[]
  /** Milliseconds after which it is killed, since a hang must fail a test and not the whole suite; default: `PATIENCE_MS`. */
  timeout?: number
}

const at = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href)
const PRELUDE = `
  import { load, loadSync, orThrow, run, Runtime, WasiexecError } from ${at('./package.ts')}
  import { Sink, deferred, ending, ownWat, real, observed, wat, watPath } from ${at('./guest.ts')}
  import { held } from ${at('./held.ts')}
`

/** Starts a script; it sees the package and the guests without importing them. */
export function start(script: string, options?: ChildOptions): ChildProcess {
  return startBare(PRELUDE + script, options)
}

function startBare(script: string, options: ChildOptions = {}): ChildProcess {
  const { env = {}, nodeArguments = [], addressSpace, under = [], timeout = PATIENCE_MS } = options
  const words = [
    ...under,
    process.execPath,
    ...nodeArguments,
    '--import',
    import.meta.resolve('@oxc-node/core/register'),
    '--input-type=module',
    '--eval',
    script,
  ]
  const limited = ['sh', '-c', `ulimit -v ${addressSpace}; exec "$0" "$@"`, ...words]
  const [command, ...rest] = addressSpace === undefined ? words : limited
  return spawn(command!, rest, {
    env: { ...process.env, ...env },
    timeout,
    killSignal: 'SIGKILL',
  })
}

/** How a script that was started ends. */
export async function ended(child: ChildProcess): Promise<Ended> {
  const closed = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('close', (code, signal) => resolve([code, signal]))
  })
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)])
  const [code, signal] = await closed
  return { code, signal, stdout, stderr }
}

/** Runs a script to its end. */
export function node(script: string, options: ChildOptions = {}): Promise<Ended> {
  const child = start(script, options)
  child.stdin!.end(options.stdin ?? '')
  return ended(child)
}

/** The same for a script that sees only what it imports. */
export function bare(script: string): Promise<Ended> {
  const child = startBare(script)
  child.stdin!.end()
  return ended(child)
}
