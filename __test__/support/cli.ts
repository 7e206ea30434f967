// The command, called in this process, as one of its own, and on a terminal.
import { spawn, type ChildProcess } from 'node:child_process'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { InterruptSignal, Io } from '../../cli/io.ts'
import { main } from '../../cli/main.ts'
import { ended, type Ended } from './child.ts'
import { compiled } from './guest.ts'
import { PATIENCE_MS } from './patience.ts'

/** A stream that keeps what it gets, maybe as a terminal. */
export class Screen extends Writable {
  readonly isTTY: boolean
  readonly columns: number = 100
  readonly chunks: Buffer[] = []

  constructor(isTTY = false) {
    super()
    this.isTTY = isTTY
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    this.chunks.push(chunk)
    done()
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString()
  }
}

/** What a call sees of its process. */
export interface CallOptions {
  stdin?: Readable | string
  stdout?: Writable
  stderr?: Screen
  env?: Record<string, string>
  /** Is given what interrupts it. */
  onStart?: (interrupt: (signal: InterruptSignal) => void) => void
}

/** How a command ended. */
export interface Called {
  status: number
  stdout: string
  stderr: string
}

/** What `main` is given for these options. */
export function fakeIo(options: CallOptions = {}): Io {
  const { stdin = '', stdout = new Screen(), stderr = new Screen(), env = {}, onStart } = options
  return {
    stdin: typeof stdin === 'string' ? Readable.from([Buffer.from(stdin)]) : stdin,
    stdout,
    stderr,
    inherit: false,
    env,
    onInterrupt(listener) {
      onStart?.(listener)
      return () => {}
    },
  }
}

/** Calls `main` in this process. */
export async function call(argv: readonly string[], options: CallOptions = {}): Promise<Called> {
  const { stdout = new Screen(), stderr = new Screen() } = options
  const status = await main(argv, fakeIo({ ...options, stdout, stderr }))
  return { status, stdout: stdout instanceof Screen ? stdout.text : '', stderr: stderr.text }
}

/** `wasiexec run` in this process. */
export function run(words: readonly string[], options?: CallOptions): Promise<Called> {
  return call(['run', '--no-cache', ...words], options)
}

const bin = fileURLToPath(new URL('../../bin/wasiexec.mjs', import.meta.url))
const env = { ...process.env, XDG_CACHE_HOME: compiled, LOCALAPPDATA: compiled }
/** A hang must fail a test, not the whole suite. */
const ENOUGH = { timeout: PATIENCE_MS, killSignal: 'SIGKILL' } as const

/** Starts the command as a process; `npm run build:ts` has to have been run. */
export function start(words: readonly string[]): ChildProcess {
  return spawn(process.execPath, [bin, ...words], { env, ...ENOUGH })
}

/** The same to its end. */
export function command(words: readonly string[], stdin = ''): Promise<Ended> {
  const child = start(words)
  child.stdin!.end(stdin)
  return ended(child)
}

/** A line of shell, in which `wasiexec` is the command. */
export function shell(line: string): Promise<Ended> {
  const script = `wasiexec() { "${process.execPath}" "${bin}" "$@"; }\n${line}`
  return ended(spawn('bash', ['-c', script], { env, stdio: ['ignore', 'pipe', 'pipe'], ...ENOUGH }))
}

/** What is done on a terminal: text is typed, `until` waits for it to appear, `resize` is columns. */
export type Step =
  | { type: string }
  | { until: string }
  | { resize: number }
  | { signal: 'INT' | 'TERM' | 'STOP' | 'CONT' }

/** What a terminal showed, and how the command ended: its status, or minus the signal. */
export interface Shown {
  screen: string
  status: number
}

/** Runs the command on a pseudo-terminal. */
export async function terminal(
  words: readonly string[],
  steps: readonly Step[],
  variables: Record<string, string> = {},
): Promise<Shown> {
  const script = fileURLToPath(new URL('terminal.py', import.meta.url))
  const all = [script, JSON.stringify(steps), process.execPath, bin, ...words]
  const child = spawn('python3', all, { env: { ...env, ...variables }, ...ENOUGH })
  child.stdin.end()
  const { stdout, stderr, code } = await ended(child)
  if (code !== 0) throw new Error(`terminal.py: ${stderr}`)
  return JSON.parse(stdout) as Shown
}
