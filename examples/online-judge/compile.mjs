// Compiles submissions, each in a process of its own: compiling has no limits, and a few megabytes of Wasm can be made to
// take minutes and gigabytes. The process is ended when it takes too long. It reads a program from stdin and writes it
// to stdout with its machine code, which the judge can trust, because nobody else has written it.
import { execFile } from 'node:child_process'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { load, WasiexecError } from 'wasiexec'

const HERE = fileURLToPath(import.meta.url)
/** Time on cores, which is fair on a loaded machine: the process ends itself. The timeout is for what else can happen. */
const CPU_MS = 10_000
const TIMEOUT_MS = 120_000
/** Of the program with its code; a program of Go has some 30 MB. */
const MAX_CODE = 256 << 20

/** Why a submission cannot be run; the message is for its author. */
export class NotAProgram extends Error {}

/** @throws {NotAProgram} */
export async function loadApart(bytes, signal, timeoutMs = TIMEOUT_MS) {
  const options = { encoding: 'buffer', maxBuffer: MAX_CODE, timeout: timeoutMs, signal }
  const code = await new Promise((resolve, reject) => {
    const settle = (error, stdout, stderr) =>
      error ? reject(reason(error, stderr)) : resolve(stdout)
    const child = execFile(process.execPath, [HERE], { ...options, killSignal: 'SIGKILL' }, settle)
    // A child that was ended does not read on.
    child.stdin.on('error', () => {}).end(bytes)
  })
  return load(code, { name: 'submission', cache: false, trustPrecompiled: true })
}

function reason(error, stderr) {
  if (error.code === REFUSED) return new NotAProgram(`${stderr}`)
  if (error.code === TOO_LONG || error.killed) return new NotAProgram(TOO_MUCH)
  return error
}

const TOO_MUCH = 'it takes too long to compile, or has too much code'
/** Exit codes: it is not a program, and compiling has taken too long. */
const REFUSED = 65
const TOO_LONG = 66

if (process.argv[1] === HERE) {
  // Compiling goes on on other threads. This also ends what a judge that was killed has left behind.
  const checkTime = () => {
    const { user, system } = process.cpuUsage()
    if ((user + system) / 1000 > CPU_MS) process.exit(TOO_LONG)
  }
  setInterval(checkTime, 100).unref()
  try {
    // Compiled quickly rather than well, because it is run a few times; and nothing of it is kept.
    const program = await load(await buffer(process.stdin), { compiler: 'baseline', cache: false })
    process.stdout.write(await program.serialize())
  } catch (error) {
    if (!(error instanceof WasiexecError)) throw error
    process.stderr.write(error.message)
    process.exitCode = REFUSED
  }
}
