// Sends lines through a program and prints them in their order, however many there are:
//   node examples/transform-lines.mjs [file] (or stdin)
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { load, orThrow } from 'wasiexec'
import { guest } from '../guests/unpack.mjs'

/** A run of a Go program takes some milliseconds, whatever it does, so each run gets many lines. */
const LINES = 500

const [path] = process.argv.slice(2)
const input = path === undefined ? process.stdin : createReadStream(path)

async function* blocks() {
  let lines = []
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    lines.push(line)
    if (lines.length < LINES) continue
    yield { stdin: `${lines.join('\n')}\n` }
    lines = []
  }
  if (lines.length > 0) yield { stdin: `${lines.join('\n')}\n` }
}

// The Go program in guests/src/go turns text into upper case.
const program = await load(await guest('go'))
const batch = program.batch(blocks(), { defaults: { args: ['upper'] } })

async function* texts() {
  for await (const { outcome, error } of batch) {
    if (error !== undefined) throw error
    yield orThrow(outcome).stdout
  }
}

// A slow reader slows the program, which slows the reading of the file, so nothing piles up.
await pipeline(texts, process.stdout).catch((error) => {
  // The reader has ended, as with `| head`.
  if (error.code !== 'EPIPE') throw error
})

const { jobs, runsPerSecond } = await batch.summary
console.error(`${jobs} runs, ${Math.round(runsPerSecond)} a second`)
