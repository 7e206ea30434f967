// Tests a Python program, compiled by py2wasm, with the rows of a CSV: each says how to call it and what to expect.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { load } from 'wasiexec'
import { guest } from '../guests/unpack.mjs'

async function* rows() {
  const file = createReadStream(new URL('python-cases.csv', import.meta.url))
  let names
  for await (const line of createInterface({ input: file, crlfDelay: Infinity })) {
    const cells = line.split(',')
    if (names === undefined) names = cells
    else yield Object.fromEntries(names.map((name, at) => [name, cells[at]]))
  }
}

async function* jobs() {
  for await (const row of rows()) {
    yield { id: row, args: row.args.split(' ').filter(Boolean), stdin: row.stdin }
  }
}

/** @param {import('wasiexec').Outcome} outcome */
function ending(outcome) {
  switch (outcome.kind) {
    case 'exit':
      return `exit ${outcome.code}`
    case 'trap':
      return `trap ${outcome.trap.code}`
    case 'limit':
      return `limit ${outcome.limit}`
    case 'abort':
      return 'abort'
  }
}

// The program is guests/src/py/modes.py. Compiling it takes some seconds, once per machine.
const program = await load(await guest('py2wasm'))
const limits = { timeoutMs: 60_000, memoryBytes: 512 << 20 }
let failed = 0
for await (const { id, outcome, error } of program.batch(jobs(), { defaults: { limits } })) {
  if (error !== undefined) throw error
  const got = `${ending(outcome)}, ${outcome.stdout.toString().split('\n')[0]}`
  const expected = `${id.ending}, ${id.output}`
  if (got === expected) {
    console.log(`ok      ${id.case}`)
  } else {
    failed += 1
    console.log(`FAILED  ${id.case}: ${expected} was expected, got ${got}`)
  }
}
console.log(`${failed} failed`)
