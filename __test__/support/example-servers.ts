// The servers among the examples, started as users start them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { ExecutionContext } from 'ava'
import { ended, type Ended } from './child.ts'
import { at, CACHE } from './documented.ts'

/** A program that prints what a page must not take for its own. */
export const HOSTILE = '<img src=x onerror=alert(1)></pre><script>alert(2)</script>'

const HOSTILE_PROGRAM = `(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\${HOSTILE.length.toString(16)}\\00\\00\\00")
  (data (i32.const 16) "${HOSTILE}")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`

export interface ExampleServer {
  readonly url: string
  /** Ends it as an operating system does, and says how it ended. */
  stop(): Promise<Ended>
  /** Ends it without a warning. */
  kill(): Promise<Ended>
}

/** Starts an example that prints its address. */
export async function startServer(
  t: ExecutionContext,
  name: string,
  args: readonly string[] = [],
): Promise<ExampleServer> {
  const env = { ...process.env, ...CACHE }
  const child = spawn(process.execPath, [at(`examples/${name}`), '0', ...args], { env })
  t.teardown(() => child.kill('SIGKILL'))
  const end = ended(child)
  const lines = createInterface({ input: child.stdout })
  const [url] = (await Promise.race([once(lines, 'line'), failure(end)])) as [string]
  const endBy = (signal: NodeJS.Signals) => (): Promise<Ended> => {
    child.kill(signal)
    return end
  }
  return { url, stop: endBy('SIGTERM'), kill: endBy('SIGKILL') }
}

async function failure(end: Promise<Ended>): Promise<never> {
  throw new Error(`the server has ended: ${(await end).stderr}`)
}

export interface JudgeServer extends ExampleServer {
  /** Submits a program and returns its identifier. */
  submit(name: string, program: Uint8Array<ArrayBuffer> | string): Promise<string>
  submitHostile(): Promise<string>
}

export async function startJudge(
  t: ExecutionContext,
  ...args: readonly string[]
): Promise<JudgeServer> {
  const server = await startServer(t, 'online-judge.mjs', args)
  const submit: JudgeServer['submit'] = async (name, program) => {
    const query = new URLSearchParams({ name })
    const response = await fetch(`${server.url}/api/submissions?${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/wasm' },
      body: program,
    })
    if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`)
    return ((await response.json()) as { id: string }).id
  }
  return { ...server, submit, submitHostile: () => submit(HOSTILE, HOSTILE_PROGRAM) }
}
