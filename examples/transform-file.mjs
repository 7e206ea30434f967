// Sends a large file of lines (CSV, NDJSON, a log) through a program, a block at a time, into another file:
//   node examples/transform-file.mjs PROGRAM INPUT OUTPUT [ARGUMENT...]
// Started again after a kill, it goes on where it was. Blocks that fail are put into OUTPUT.failed, to be sent through
// a better program. OUTPUT is there once all is done; until then it is OUTPUT.part, and OUTPUT.state says how far it is.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { describeOutcome, load } from 'wasiexec'

/** A run takes some microseconds, whatever it does, so each gets many lines; and a failure concerns no more than these. */
const BLOCK_BYTES = 1 << 16
const LIMITS = { cpuMs: 5000, timeoutMs: 60_000, memoryBytes: 64 << 20, outputBytes: 16 << 20 }

const [programPath, inputPath, outputPath, ...args] = process.argv.slice(2)
if (outputPath === undefined) {
  console.error('expected a program, a file to read and a file to write')
  process.exit(2)
}
if (existsSync(outputPath)) {
  console.error(`${outputPath} exists already`)
  process.exit(2)
}
const program = await load(programPath)
const input = await open(inputPath)
const { size, mtimeMs } = await input.stat()
/** What all blocks have in common. */
const digest = createHash('sha256').update(await readFile(programPath))
const identity = digest.update(JSON.stringify([size, mtimeMs, args])).digest('hex')

const state = await readState()
const output = await openAt(`${outputPath}.part`, state.outputBytes)
const failed = await openAt(`${outputPath}.failed`, state.failedBytes)
const started = { at: Date.now(), from: state.done }
const ticker = setInterval(showProgress, 1000)

const batch = program.batch(blocks(state.done), { defaults: { args, limits: LIMITS } })
for await (const { id: block, outcome, error } of batch) {
  if (error !== undefined) throw error
  if (outcome.ok) {
    state.outputBytes += await append(output, outcome.stdout)
  } else {
    console.error(`bytes ${block.start} to ${block.end - 1}: ${describeOutcome(outcome)}`)
    state.failedBlocks += 1
    state.failedBytes += await append(failed, await bytesOf(block))
  }
  state.done = block.end
  await writeState()
}
clearInterval(ticker)
showProgress()
await Promise.all([input.close(), output.close(), failed.close()])
await rename(`${outputPath}.part`, outputPath)
await rm(`${outputPath}.state`, { force: true })
if (state.failedBlocks === 0) await rm(`${outputPath}.failed`)
else console.error(`${state.failedBlocks} blocks have failed; they are in ${outputPath}.failed`)
process.exitCode = state.failedBlocks === 0 ? 0 : 1

/** Reads a block when the batch asks for it. A block ends where a line ends. */
async function* blocks(start) {
  let length = BLOCK_BYTES
  while (start < size) {
    const bytes = await bytesOf({ start, end: Math.min(start + length, size) })
    const isLast = start + bytes.length === size
    const end = isLast ? bytes.length : bytes.lastIndexOf('\n') + 1
    if (end === 0) {
      // One line is longer.
      length *= 2
      continue
    }
    yield { id: { start, end: start + end }, stdin: bytes.subarray(0, end) }
    start += end
    length = BLOCK_BYTES
  }
}

async function bytesOf({ start, end }) {
  const bytes = Buffer.allocUnsafe(end - start)
  for (let filled = 0; filled < bytes.length;) {
    const { bytesRead } = await input.read(bytes, filled, bytes.length - filled, start + filled)
    if (bytesRead === 0) throw new Error(`${inputPath} has become shorter`)
    filled += bytesRead
  }
  return bytes
}

async function readState() {
  const path = `${outputPath}.state`
  if (!existsSync(path)) {
    return { identity, done: 0, outputBytes: 0, failedBytes: 0, failedBlocks: 0 }
  }
  const read = JSON.parse(await readFile(path, 'utf8'))
  if (read.identity === identity) return read
  throw new Error(`${path} is of another program, input or arguments; remove it to begin anew`)
}

/** After what it counts has been written, and as a whole: a kill leaves the state of before or this one. */
async function writeState() {
  await writeFile(`${outputPath}.state.new`, JSON.stringify(state))
  await rename(`${outputPath}.state.new`, `${outputPath}.state`)
}

/** Without what was written after the last state. */
async function openAt(path, length) {
  const file = await open(path, 'a')
  await file.truncate(length)
  return file
}

async function append(file, bytes) {
  await file.appendFile(bytes)
  return bytes.length
}

function showProgress() {
  const seconds = (Date.now() - started.at) / 1000
  const perSecond = (state.done - started.from) / seconds
  const left = perSecond > 0 ? Math.ceil((size - state.done) / perSecond) : '?'
  const share = size === 0 ? 100 : Math.floor((100 * state.done) / size)
  const speed = (perSecond / 1e6).toFixed(1)
  const memory = Math.round(process.memoryUsage.rss() / 1e6)
  console.error(`${share} %  ${speed} MB/s  ${left} s left  ${memory} MB of memory`)
}
