// Functions of components on the command line: `wasiexec run --invoke` and `wasiexec repl`, with values in WAVE.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import test from 'ava'
import fc from 'fast-check'
import { waveText } from '../../cli/wave/print.ts'
import { call, run, terminal, type Called } from '../support/cli.ts'
import { told } from '../support/exported-types.ts'
import { folder, watPath } from '../support/guest.ts'
import { echoComponent } from '../support/wit-echo.ts'
import { valuesOf, witTypes } from '../support/wit-values.ts'

/** Pseudo-terminals are not Windows'. */
const posix = process.platform === 'win32' ? test.skip : test

const CALC = watPath('calc-component')

function repl(lines: readonly string[], words: readonly string[] = [CALC]): Promise<Called> {
  return call(['repl', '--no-cache', ...words], {
    stdin: lines.map((line) => `${line}\n`).join(''),
  })
}

/** A function and its words, and what they print. */
const INVOKED: readonly [words: [name: string, ...args: string[]], printed: string][] = [
  [['add', '1', '2'], '3'],
  [['add', '-1', '-2147483647'], '-2147483648'],
  [['add(1, 2)'], '3'],
  [['add ( 1,2 ,)'], '3'],
  [['"add"(1, 2)'], '3'],
  [['my:pkg/math#divide', '7', '2'], 'ok(3)'],
  [['my:pkg/math@1.10.0#divide', '7', '0'], 'err(by-zero)'],
  [['math#divide', '7', '0'], 'err(by-zero)'],
  [['divide', '7', '0'], 'err(by-zero)'],
  [['divide(7, 0)'], 'err(by-zero)'],
  // The newest version has the names without one.
  [['my:pkg/math#subtract-numbers', '7', '2'], '5'],
  [['my:pkg/math@1.9.0#subtract-numbers', '7', '2'], '9'],
  [['math#subtractNumbers(7, 2)'], '5'],
  // As WAVE writes the names of functions of an interface.
  [['my:pkg/math.divide@1.10.0(7, 0)'], 'err(by-zero)'],
  [['my:pkg/math.subtract-numbers@1.9.0', '7', '2'], '9'],
  [['math.divide(7, 0)'], 'err(by-zero)'],
  [['echo-text', 'hello world'], '"hello world"'],
  [['echo-text', ''], '""'],
  [['echo-text', '"a\\n"'], '"a\\n"'],
  [['echo-text("a\\n")'], '"a\\n"'],
  [['echo-text', '\u{1b}[31m'], '"\\u{1b}[31m"'],
  [['echo-bytes', '[1, 2]'], '[1, 2]'],
  [['echo-bytes', '[]'], '[]'],
]

test('--invoke calls a function with values in WAVE, and prints what it returns in the same', async (t) => {
  for (const [[name, ...args], printed] of INVOKED) {
    const called = await run(['--invoke', name, CALC, ...args])
    t.deepEqual(called, { status: 0, stdout: `${printed}\n`, stderr: '' }, name)
  }
  t.is((await run(['--invoke', 'run', watPath('component-hello')])).stdout, 'hello\nok\n')
})

/** What is refused before anything runs, and what is said. */
const REFUSED: readonly [words: [name: string, ...args: string[]], said: RegExp][] = [
  [['missing'], /no function "missing"; it exports my:pkg\/math@1\.10\.0#subtract-numbers, /],
  [['missing(1)'], /no function "missing"; it exports /],
  [['ad'], /no function "ad"; did you mean "add"\?$/m],
  [
    ['subtract-number(1, 2)'],
    /no function "subtract-number"; did you mean "my:pkg\/math@1\.10\.0#subtract-numbers"\?$/m,
  ],
  [['countr.next-value'], /; did you mean "counter\.next-value"\?$/m],
  [
    ['my:pkg/math@1.10.0#subtract-numberz'],
    /; did you mean "my:pkg\/math@1\.10\.0#subtract-numbers"\?$/m,
  ],
  [
    ['subtract-numbers', '1', '2'],
    /several functions are called "subtract-numbers": my:pkg\/math@1\.10\.0#subtract-numbers, my:pkg\/math@1\.9\.0#subtract-numbers$/,
  ],
  [['add', '1'], /add func\(a: s32, b: s32\) -> s32 needs 2 arguments, got 1$/],
  [['add', '1', '2', '3'], /needs 2 arguments, got 3$/],
  [['add(1)'], /needs 2 arguments, got 1$/],
  [['add(1, 2, 3)'], /add: expected \) after 2 arguments, got "3" at character 11$/],
  [['add(1, 2'], /add: b: expected , or \), got the end at character 9$/],
  [['add(1, 2) 3'], /add: expected the end after 2 arguments, got "3" at character 11$/],
  [['add(1, x)'], /add: b: expected s32 \(an integer from .*\), got "x" at character 8$/],
  [['add', '1', '2147483648'], /add: b: expected s32 .*, got "2147483648" at character 1$/],
  [['echo-text("a)'], /echo-text: text: expected the end of the string/],
  [['echo-bytes', '[1, 256]'], /echo-bytes: bytes: expected u8 .*, got "256" at character 5$/],
  [['counter', '5'], /counters#counter takes or returns a counter, a resource, .*repl/],
  [['counter.next-value', '$1'], /counter\.next-value takes or returns a counter/],
  [['finish($1)'], /finish takes or returns a counter/],
  [['$1.next-value'], /no resource is called \$1; there are: none$/],
]

test('--invoke refuses what a function of a component does not take', async (t) => {
  for (const [[name, ...args], said] of REFUSED) {
    const { status, stdout, stderr } = await run(['--invoke', name, CALC, ...args])
    t.deepEqual([status, stdout], [125, ''], name)
    t.regex(stderr.trimEnd(), said)
    t.true(stderr.startsWith('wasiexec: --invoke: '), stderr)
  }
  const { status, stderr } = await run(['--invoke', 'lookup', watPath('store-component'), 'a'])
  t.is(status, 125)
  t.regex(stderr, /^wasiexec: unresolved imports: /)
})

test('--invoke: a call ends as a run does', async (t) => {
  const ending = async (words: string[]) => {
    const { status, stdout, stderr } = await run(words)
    return [status, stdout, stderr.split('\n')[0]]
  }
  const name = 'wasiexec: calc-component.wat'
  t.deepEqual(await ending(['--invoke', 'trap', CALC]), [
    134,
    '',
    `${name}: trap: wasm \`unreachable\` instruction executed (unreachable)`,
  ])
  t.deepEqual(await ending(['--timeout', '50ms', '--invoke', 'loop()', CALC]), [
    124,
    '',
    `${name}: timeout after 50 ms`,
  ])
  t.deepEqual(await ending(['--invoke', 'wrong-case', CALC]), [
    134,
    '',
    `${name}: trap: a case that its type does not have (host-call)`,
  ])
})

test('--invoke --json has values of components as text in WAVE', async (t) => {
  const values = async (name: string): Promise<unknown> => {
    const { status, stdout } = await run(['--json', '--invoke', name, CALC])
    t.is(status, 0)
    const outcome = JSON.parse(stdout) as { kind: string; values: unknown }
    t.is(outcome.kind, 'returned')
    return outcome.values
  }
  t.deepEqual(await values('divide(1, 0)'), ['err(by-zero)'])
  t.deepEqual(await values('echo-bytes([1])'), ['[1]'])
  t.deepEqual(await values('dropped'), ['0'])
  const { stdout } = await run(['--json', '--invoke', 'trap', CALC])
  t.like(JSON.parse(stdout), { kind: 'trap' })
})

test('--invoke names functions as they are typed, and not all of many', async (t) => {
  const path = join(await folder(t), 'many.wat')
  const names = ['', 'a b', ...Array.from({ length: 30 }, (_, index) => `f${index}`)]
  await writeFile(path, `(module ${names.map((name) => `(func (export "${name}"))`).join('')})`)
  const { stderr } = await run(['--invoke', 'missing', path])
  t.regex(stderr, /; it exports "", "a b", f0, f1, .*, f17 and 12 more\n$/)
})

test('with the form of a call, words are arguments of the program', async (t) => {
  const path = join(await folder(t), 'arguments.wat')
  await writeFile(
    path,
    `(module
      (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "count") (param i32) (result i32)
        (drop (call $args (i32.const 0) (i32.const 4)))
        (i32.add (local.get 0) (i32.load (i32.const 0)))))`,
  )
  t.is((await run(['--invoke', 'count(10)', path, 'a', 'b'])).stdout, '13\n')
  t.is((await run(['--invoke', 'count', path, '10'])).stdout, '12\n')
})

test('an export of a module whose name looks like a call is that export', async (t) => {
  const path = join(await folder(t), 'odd.wat')
  await writeFile(path, '(module (func (export "f(1)") (param i32) (result i32) (local.get 0)))')
  t.is((await run(['--invoke', 'f(1)', path, '7'])).stdout, '7\n')
})

/** Options at the end, a tuple, a character, and two interfaces with one name. */
const ODD = `(component
  (core module $m (memory (export "memory") 1)
    (func (export "last") (param i32 i32 i32) (result i32) (local.get 2))
    (func (export "sum") (param i32 i32 i32) (result i32)
      (i32.add (local.get 0) (i32.add (local.get 1) (local.get 2))))
    (func (export "same") (param i32) (result i32) (local.get 0)))
  (core instance $i (instantiate $m))
  (func (export "last") (param "a" u8) (param "b" (option u8)) (result u8) (canon lift (core func $i "last")))
  (func (export "sum") (param "pair" (tuple u8 u8)) (param "b" u8) (result u8) (canon lift (core func $i "sum")))
  (func (export "same-char") (param "c" char) (result char) (canon lift (core func $i "same")))
  (func $f (param "a" u8) (result u8) (canon lift (core func $i "same")))
  (instance $x (export "get" (func $f)) (export "only" (func $f)))
  (instance $y (export "get" (func $f)))
  (export "a:b/data-store@1.0.0" (instance $x))
  (export "c:d/data-store" (instance $y)))`

test('options at the end may be left out, tuples and characters are read, and names that are not unique are refused', async (t) => {
  const path = join(await folder(t), 'odd.wat')
  await writeFile(path, ODD)
  const { stdout, stderr } = await repl(
    [
      'last 1',
      'last(1)',
      'last 1 2',
      'last(1, some(3))',
      'last 1 none',
      'sum (1, 2) 3',
      'sum((1, 2), 3)',
      'sum(1, 2)',
      'same-char x',
      "same-char 'x'",
      "same-char '",
      'same-char(x)',
      'only 7',
      'data-store#only(8)',
      'get 1',
      'data-store#get 1',
      'c:d/data-store#get 9',
      'last',
    ],
    [path],
  )
  t.deepEqual(stdout.trimEnd().split('\n'), [
    '0',
    '0',
    '2',
    '3',
    '0',
    '6',
    '6',
    "'x'",
    "'x'",
    "'\\''",
    '7',
    '8',
    '9',
  ])
  const said = stderr.trimEnd().split('\n')
  const candidates = 'a:b/data-store@1.0.0#get, c:d/data-store#get'
  t.deepEqual(said, [
    'wasiexec: line 8: sum: pair: expected tuple<u8, u8> (2 values in ( and )), got "1" at character 5',
    `wasiexec: line 12: same-char: c: expected char (one character, as in 'a'), got "x" at character 11`,
    `wasiexec: line 15: several functions are called "get": ${candidates}`,
    `wasiexec: line 16: several functions are called "data-store#get": ${candidates}`,
    'wasiexec: line 18: last func(a: u8, b: option<u8>) -> u8 needs 1 argument, got 0',
  ])
})

test('repl: values of every type come back', async (t) => {
  const typed = witTypes.chain((type) =>
    fc.tuple(fc.constant(type), fc.array(valuesOf(type), { minLength: 5, maxLength: 5 })),
  )
  const path = join(await folder(t), 'echo.wat')
  const pad = `(${Array.from({ length: 17 }, () => '0').join(', ')})`
  for (const [type, values] of fc.sample(typed, 25)) {
    await writeFile(path, echoComponent(type, 'memory'))
    const texts = values.map((value) => [...waveText(told(type), value)].join(''))
    const lines = texts.flatMap((text) => [`echo(${pad}, ${text})`, `echo ${pad} ${text}`])
    const { status, stdout, stderr } = await repl(lines, [path])
    t.deepEqual([status, stderr], [0, ''], lines.join('\n'))
    t.is(stdout, texts.map((text) => `${text}\n${text}\n`).join(''))
  }
})

test('repl: resources have names, methods, and an end', async (t) => {
  const { status, stdout, stderr } = await repl([
    'counter(5)',
    'counter.starting-at 100',
    '$1.next-value()',
    '$1.next-value',
    'counter.next-value $2',
    'my:pkg/counters#[method]counter.next-value($2)',
    '.resources',
    'finish $2',
    'dropped',
    '.drop $1',
    'dropped',
  ])
  t.deepEqual([status, stderr], [0, ''])
  t.deepEqual(stdout.trimEnd().split('\n'), [
    '$1',
    '$2',
    '6',
    '7',
    '101',
    '102',
    '$1  my:pkg/counters#counter',
    '$2  my:pkg/counters#counter',
    '102',
    '1',
    '2',
  ])
})

test('repl: a resource that is gone has no name', async (t) => {
  const lines: [line: string, said?: RegExp][] = [
    ['counter 1'],
    ['finish $1'],
    ['finish $1', /finish: counter: expected counter .*, got "\$1" at character 8/],
    ['$1.next-value()', /no resource is called \$1; there are: none/],
    ['.drop $1', /no resource is called \$1/],
    ['.resources', /no function has returned a resource/],
    ['counter 2'],
    ['.reset'],
    ['$2.next-value()', /no resource is called \$2; there are: none/],
    ['counter 3'],
    ['trap', /trap|at |the instance has ended/],
    ['$3.next-value()', /no resource is called \$3; there are: none/],
    ['counter 4'],
    ['$4.nope()', /a counter such as \$4 has these methods: next-value/],
    ['$4', /a counter such as \$4 has these methods: next-value/],
    ['$4.next-value(1)', /counter\.next-value: expected \) after 0 arguments/],
    ['$4.next-value()'],
  ]
  const { status, stdout, stderr } = await repl(lines.map(([line]) => line))
  t.is(status, 1)
  t.is(stdout, '$1\n1\n$2\n$3\n$4\n5\n')
  for (const [number, [line, said]] of lines.entries()) {
    const own = stderr.split('\n').filter((it) => it.includes(`line ${number + 1}: `))
    t.is(own.length, said === undefined ? 0 : 1, line)
    if (said !== undefined) t.regex(own[0]!, said)
  }
})

test('repl: a destructor that traps ends the instance', async (t) => {
  const path = join(await folder(t), 'things.wat')
  await writeFile(
    path,
    `(component
      (core module $m (func (export "d") (param i32) (if (i32.eq (local.get 0) (i32.const 666)) (then unreachable))))
      (core instance $m (instantiate $m))
      (type $thing (resource (rep i32) (dtor (func $m "d"))))
      (core func $new (canon resource.new $thing))
      (func $make (param "n" u32) (result (own $thing)) (canon lift (core func $new)))
      (component $c (import "thing" (type $t (sub resource))) (import "new" (func $new (param "n" u32) (result (own $t))))
        (export $e "thing" (type $t))
        (export "[constructor]thing" (func $new) (func (param "n" u32) (result (own $e)))))
      (instance $x (instantiate $c (with "thing" (type $thing)) (with "new" (func $make))))
      (export "my:x/things" (instance $x)))`,
  )
  const { status, stdout, stderr } = await repl(
    ['thing 1', 'thing 666', '.drop $1', '.drop $2', '.resources', 'thing 2'],
    [path],
  )
  t.deepEqual([status, stdout], [1, '$1\n$2\n$3\n'])
  t.regex(stderr, /^wasiexec: things\.wat: trap: .*\(unreachable\)\n/)
  t.regex(stderr, /\nwasiexec: line 4: the instance has ended; the next call gets a new one\n/)
  t.regex(stderr, /\nwasiexec: line 5: no function has returned a resource\n$/)
})

test('repl: resources of an interface that is written inside of the world', async (t) => {
  const path = join(await folder(t), 'inside.wat')
  await writeFile(
    path,
    `(component
      (core module $m (func (export "get") (param i32) (result i32) (local.get 0)))
      (core instance $m (instantiate $m))
      (type $thing (resource (rep i32)))
      (core func $new (canon resource.new $thing))
      (func $make (param "n" u32) (result (own $thing)) (canon lift (core func $new)))
      (func $get (param "self" (borrow $thing)) (result u32) (canon lift (core func $m "get")))
      (component $c
        (import "thing" (type $t (sub resource)))
        (import "new" (func $new (param "n" u32) (result (own $t))))
        (import "get" (func $get (param "self" (borrow $t)) (result u32)))
        (export $e "thing" (type $t))
        (export "[constructor]thing" (func $new) (func (param "n" u32) (result (own $e))))
        (export "[method]thing.get" (func $get) (func (param "self" (borrow $e)) (result u32))))
      (instance $x (instantiate $c
        (with "thing" (type $thing)) (with "new" (func $make)) (with "get" (func $get))))
      (export "things" (instance $x)))`,
  )
  const lines = ['thing 7', '$1.get()', 'things#thing.get $1', '.resources']
  const { stdout, stderr } = await repl(lines, [path])
  t.deepEqual([stdout, stderr], ['$1\n7\n7\n$1  things#thing\n', ''])
})

test('repl: .exports has signatures of WIT, .wit the whole, and .help what components have', async (t) => {
  const exports = (await repl(['.exports'])).stdout.trimEnd().split('\n')
  t.is(exports.length, 20)
  for (const row of [
    /^my:pkg\/math@1\.10\.0#divide +func\(a: s32, b: s32\) -> result<s32, problem>$/,
    /^my:pkg\/counters#counter +constructor\(start: s32\)$/,
    /^my:pkg\/counters#counter\.next-value +func\(\) -> s32$/,
    /^my:pkg\/counters#counter\.starting-at +static func\(start: s32\) -> counter$/,
    /^trap +func\(\)$/,
  ]) {
    t.is(exports.filter((line) => row.test(line)).length, 1, String(row))
  }
  const later = await repl(['.exports'], [watPath('component-p3-hello')])
  t.is(later.stdout, 'wasi:cli/run@0.3.0#run  async func() -> result\n')
  t.regex((await repl(['.wit'])).stdout, /^package root:component;\n[^]*\n {2}interface math \{\n/)
  const help = (await repl(['.help'])).stdout.trimEnd().split('\n')
  t.deepEqual(
    help.map((row) => row.split(/[ (]/)[0]),
    [
      'add',
      'counter',
      '$1.next',
      '.exports',
      '.wit',
      '.resources',
      '.drop',
      '.reset',
      '.help',
      '.exit',
    ],
  )
  for (const row of help) t.true(row.length <= 80, row)
  const none = await repl(['.memory 0', '.globals'])
  t.is(none.stderr.match(/is not for a component/g)?.length, 2)
})

test('what is longer than a string can be is printed', async (t) => {
  const path = join(await folder(t), 'long.wat')
  // The text of the list has 540 MB, and a string at most 537 million characters.
  const BYTES = 108 << 20
  await writeFile(
    path,
    `(component
      (core module $m (memory (export "memory") ${(BYTES >> 16) + 1})
        (func (export "long") (result i32)
          (memory.fill (i32.const 64) (i32.const 200) (i32.const ${BYTES}))
          (i32.store (i32.const 0) (i32.const 64))
          (i32.store (i32.const 4) (i32.const ${BYTES}))
          (i32.const 0)))
      (core instance $i (instantiate $m))
      (func (export "long") (result (list u8)) (canon lift (core func $i "long") (memory $i "memory"))))`,
  )
  let length = 0
  const stdout = new Writable({
    write(chunk: Buffer, _, done) {
      length += chunk.length
      done()
    },
  })
  const called = await call(['run', '--no-cache', '--invoke', 'long', path], { stdout })
  t.deepEqual([called.status, called.stderr], [0, ''])
  t.is(length, BYTES * '200, '.length - ', '.length + '[]\n'.length)
  const json = await run(['--json', '--invoke', 'long', path])
  t.is(json.status, 125)
  t.regex(json.stderr, /^wasiexec: what the function returned and printed does not fit into JSON;/)
})

test('repl: any line is carried out or refused', async (t) => {
  const token = fc.oneof(
    fc.constantFrom(...'()," \'[]{}:\\.', '//', '"""', '-', '1', '2', '1e9', '$1', '$2'),
    fc.constantFrom(
      'add',
      'divide',
      'counter',
      'finish',
      'echo-text',
      'my:pkg/math#',
      'none',
      'some(',
    ),
    fc.constantFrom('.next-value', '.drop ', '.resources'),
    fc.string({ unit: 'binary', maxLength: 3 }),
  )
  const lines = fc
    .sample(fc.array(token, { maxLength: 7 }), 1000)
    .map((tokens) => tokens.join('').replaceAll(/[\r\n\u2028\u2029]/g, ''))
    .filter((line) => !/^\s*(?:loop|\.(?:exit|reset))/.test(line))
  const { status, stderr } = await repl([...lines, 'add 1 2'])
  t.is(status, 1)
  t.false(stderr.includes('this is a bug'), stderr)
  for (const line of stderr.trimEnd().split('\n')) t.regex(line, /^wasiexec: line \d+: /)
})

posix('a terminal completes functions and methods of a component, and has a history', async (t) => {
  const PROMPT = { until: '> ' }
  const { screen, status } = await terminal(
    ['repl', CALC],
    [
      { until: 'calc-component.wat has 20 functions; try .help' },
      PROMPT,
      { type: 'counter.st\t' },
      { until: 'counter.starting-at' },
      { type: ' 5\r' },
      { until: '$1\r\n' },
      PROMPT,
      { type: '$1.\t' },
      { until: '$1.next-value' },
      { type: '()\r' },
      { until: '6\r\n' },
      PROMPT,
      { type: '\u{1b}[A' },
      { until: '$1.next-value()' },
      { type: '\r' },
      { until: '7\r\n' },
      PROMPT,
      { type: 'my:pkg/counters#f\t' },
      { until: 'my:pkg/counters#finish' },
      { type: ' $1\r' },
      { until: '7\r\n' },
      PROMPT,
      { type: '\u{4}' },
    ],
  )
  t.is(status, 0, screen)
})
