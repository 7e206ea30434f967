// A pipeline of programs, as in a shell: copy (C) | upper (Go) | copy (Rust). Lines come in and go out while all run:
//   node examples/pipeline.mjs [file] (or stdin)
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { describeOutcome, load } from 'wasiexec'
import { guest } from '../guests/unpack.mjs'

const [path] = process.argv.slice(2)
const input = path === undefined ? process.stdin : createReadStream(path)

/** What each may use. A program whose output nobody reads any more ends, like a process. */
const options = { onBrokenPipe: 'stop', stderr: 'capture', limits: { memoryBytes: 64 << 20 } }

const programs = await Promise.all(
  [
    ['c-clang', 'cat'],
    ['go', 'upper'],
    ['rust', 'cat'],
  ].map(async ([name, ...args]) => ({ args, program: await load(await guest(name)) })),
)
const guests = programs.map(({ args, program }) => program.spawn({ ...options, args }))

async function print(lines) {
  let number = 0
  for await (const line of lines) console.log(`${(number += 1)}: ${line}`)
}

const pipes = [input, ...guests.map(({ stdout }) => stdout)]
const piping = guests.map(({ stdin }, index) => pipeline(pipes[index], stdin))
// A pipe that breaks is told by the outcomes.
await Promise.all([print(guests.at(-1).lines()), Promise.allSettled(piping)])
for (const ended of guests) {
  const outcome = await ended.outcome
  console.error(describeOutcome(outcome))
  if (!outcome.ok) console.error(outcome.stderr.toString())
}
