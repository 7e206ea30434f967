// Judges submissions in several languages: every submission over every case, in one batch.
import { load } from 'wasiexec'
import { guest } from '../guests/unpack.mjs'

// The problem: print what you read.
const cases = ['42\n', 'ONE LINE\n', 'two\nlines\n']

const submissions = await Promise.all(
  [
    ['copy in C', 'c-clang', 'cat'],
    ['copy in Go', 'go', 'cat'],
    ['copy in Rust', 'rust', 'cat'],
    ['shout in Go', 'go', 'upper'],
    ['panic in Rust', 'rust', 'panic'],
    ['exit in AssemblyScript', 'as', 'exit', '9'],
    ['loop in C', 'c-clang', 'spin'],
    ['hoard in Rust', 'rust', 'alloc', '1000'],
    ['flood in Rust', 'rust', 'bigout', '100000000'],
  ].map(async ([name, language, ...args]) => ({
    name,
    program: await load(await guest(language)),
    args,
  })),
)

const limits = {
  cpuMs: 300,
  // For submissions that sleep or wait, which use no time on a core.
  timeoutMs: 30_000,
  memoryBytes: 64 << 20,
  onMemory: 'stop',
  outputBytes: 1 << 20,
}

function* jobs() {
  for (const { name, program, args } of submissions) {
    for (const input of cases) yield { id: { name, input }, program, args, stdin: input }
  }
}

/** @param {import('wasiexec').Outcome} outcome */
function verdict(outcome, expected) {
  switch (outcome.kind) {
    case 'exit':
      if (outcome.code !== 0) return `runtime error (exit ${outcome.code})`
      return outcome.stdout.toString() === expected ? 'accepted' : 'wrong answer'
    case 'trap':
      return `runtime error (${outcome.trap.code})`
    case 'limit':
      return { cpu: 'time limit', timeout: 'time limit' }[outcome.limit] ?? `${outcome.limit} limit`
    case 'abort':
      return 'not judged'
  }
}

const batch = submissions[0].program.batch(jobs(), { defaults: { limits } })
const verdicts = new Map(submissions.map(({ name }) => [name, []]))
for await (const { id, outcome, error } of batch) {
  if (error !== undefined) throw error
  verdicts.get(id.name).push(verdict(outcome, id.input))
  // Results arrive in the order of the jobs, so this was the last case of the submission.
  const own = verdicts.get(id.name)
  if (own.length === cases.length) console.log(`${id.name.padEnd(24)}${own.join(', ')}`)
}

const { jobs: count, kinds } = await batch.summary
console.log(`${count} runs: ${kinds.exit} exits, ${kinds.trap} traps, ${kinds.limit} limits`)
