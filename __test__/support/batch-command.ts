// `wasiexec batch`, called in this process and as one of its own.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { call, type CallOptions, type Called } from './cli.ts'
import { compiled, folder } from './guest.ts'
import { PATIENCE_MS } from './patience.ts'

/** Calls `wasiexec batch` in this process. */
export function batch(words: readonly string[], options?: CallOptions): Promise<Called> {
  return call(['batch', '--cache-dir', compiled, ...words], options)
}

const bin = fileURLToPath(new URL('../../bin/wasiexec.mjs', import.meta.url))

/** Starts it as a process; `npm run build:ts` has to have been run. */
export function startBatch(words: readonly string[]): ChildProcessWithoutNullStreams {
  const all = [bin, 'batch', '--cache-dir', compiled, ...words]
  return spawn(process.execPath, all, { timeout: PATIENCE_MS, killSignal: 'SIGKILL' })
}

/** A line of results, as far as tests look at it. */
export interface ResultLine {
  index: number
  line?: number
  key: string
  id?: unknown
  verdict?: string
  outcome?: {
    kind: string
    ok: boolean
    code?: number
    limit?: string
    stdout: string
    stdoutBase64?: string
    stderr: string
    files?: Record<string, string>
    stderrBase64?: string
    usage: { wallMs: number; fuel?: number }
  }
  error?: { code: string; message: string }
}

/** Lines of results; every one of them has its end. */
export function parseResults(text: string): ResultLine[] {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw new Error('the last line has no end')
  return lines.map((line) => JSON.parse(line) as ResultLine)
}

export async function readResults(path: string): Promise<ResultLine[]> {
  return parseResults(await readFile(path, 'utf8'))
}

/** Results without what differs from run to run. */
export function lasting({ key: _key, outcome, ...rest }: ResultLine): object {
  if (outcome === undefined) return rest
  const { usage: _usage, ...lasting } = outcome
  return { ...rest, outcome: lasting }
}

/** A folder with a file of jobs, and the path of another for their results. */
export async function jobsFile(
  t: ExecutionContext,
  jobs: readonly unknown[] | string,
): Promise<{ jobs: string; results: string; folder: string }> {
  const path = await folder(t)
  const text =
    typeof jobs === 'string' ? jobs : jobs.map((job) => `${JSON.stringify(job)}\n`).join('')
  await writeFile(join(path, 'jobs.ndjson'), text)
  return { jobs: join(path, 'jobs.ndjson'), results: join(path, 'results.ndjson'), folder: path }
}
