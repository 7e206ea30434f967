// `wasiexec compile` and `wasiexec inspect`, in this process.
import { execFileSync } from 'node:child_process'
import { chmod, lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { call } from '../support/cli.ts'
import { folder, real, watPath } from '../support/guest.ts'

test('what compile writes runs with --trust-precompiled alone', async (t) => {
  const path = await folder(t)
  const output = join(path, 'hello.cwasm')
  const compiled = await call(['compile', watPath('hello'), '-o', output])
  t.deepEqual([compiled.status, compiled.stdout], [0, ''])
  t.regex(compiled.stderr, /^wasiexec: wrote .*hello\.cwasm \([\d.]+ KiB\)\n$/)
  t.deepEqual(await readdir(path), ['hello.cwasm'])

  const trusted = await call(['run', '--trust-precompiled', output])
  t.deepEqual([trusted.status, trusted.stdout, trusted.stderr], [0, 'hello\n', ''])
  const refused = await call(['run', output])
  t.deepEqual([refused.status, refused.stdout], [125, ''])
  t.regex(refused.stderr, /^wasiexec: .*hello\.cwasm: .*machine code.*--trust-precompiled\)\n$/)
  t.is((await call(['inspect', output])).status, 125)
  const inspected = await call(['inspect', '--json', '--trust-precompiled', output])
  t.like(JSON.parse(inspected.stdout), { kind: 'module', interruptible: true })
})

test('--fuel, --no-interruptible and --quiet', async (t) => {
  const path = await folder(t)
  const compile = (name: string, ...words: string[]) =>
    call(['compile', watPath('loop'), '-o', join(path, name), '-q', ...words])
  t.deepEqual(await compile('plain'), { status: 0, stdout: '', stderr: '' })
  t.is((await compile('fuel', '--fuel')).status, 0)
  t.is((await compile('free', '--no-interruptible')).status, 0)
  const size = async (name: string) => (await readFile(join(path, name))).length
  t.true((await size('fuel')) > (await size('plain')))
  const limited = (name: string, ...words: string[]) =>
    call(['run', '--trust-precompiled', ...words, join(path, name)])
  t.is((await limited('fuel', '--fuel', '1000')).status, 124)
  t.is((await limited('plain', '--timeout', '50ms')).status, 124)
  const free = await limited('free', '--timeout', '50ms')
  t.is(free.status, 125)
  t.regex(free.stderr, /needs a program that can be interrupted/)
})

test('a file that is there is replaced with --force alone', async (t) => {
  const path = await folder(t)
  const output = join(path, 'out.cwasm')
  await writeFile(output, 'precious')
  const refused = await call(['compile', watPath('hello'), '-o', output])
  t.deepEqual([refused.status, refused.stdout], [125, ''])
  t.is(refused.stderr, `wasiexec: ${output} exists; --force replaces it\n`)
  t.is(await readFile(output, 'utf8'), 'precious')
  t.is((await call(['compile', watPath('hello'), '-o', output, '--force'])).status, 0)
  t.is((await call(['run', '--trust-precompiled', output])).stdout, 'hello\n')
  t.deepEqual(await readdir(path), ['out.cwasm'])
})

test('links stay and what they lead to is replaced; devices, pipes and - are no files', async (t) => {
  const path = await folder(t)
  const [file, alias] = [join(path, 'file'), join(path, 'alias')]
  await writeFile(file, 'old')
  if (process.platform !== 'win32') {
    await symlink('file', alias)
    t.is((await call(['compile', watPath('hello'), '-o', alias, '--force'])).status, 0)
    t.true((await lstat(alias)).isSymbolicLink())
    t.is((await call(['run', '--trust-precompiled', file])).stdout, 'hello\n')

    const pipe = join(path, 'pipe')
    execFileSync('mkfifo', [pipe])
    for (const words of [[], ['--force']]) {
      const { status, stderr } = await call(['compile', watPath('hello'), '-o', pipe, ...words])
      t.deepEqual([status, stderr], [125, `wasiexec: ${pipe} is not a regular file\n`])
    }
    t.true((await lstat(pipe)).isFIFO())
    t.deepEqual((await readdir(path)).toSorted(), ['alias', 'file', 'pipe'])
  }
  const dash = await call(['compile', watPath('hello'), '-o', '-'])
  t.deepEqual(
    [dash.status, dash.stderr],
    [125, 'wasiexec: --output needs a file, and - is not a file\n'],
  )
})

test('what is interrupted while it writes leaves nothing behind', async (t) => {
  const path = await folder(t)
  const output = join(path, 'out.cwasm')
  await writeFile(output, 'precious')
  for (const words of [
    ['-o', join(path, 'new.cwasm')],
    ['-o', output, '--force'],
  ]) {
    const { status, stderr } = await call(['compile', watPath('hello'), ...words], {
      onStart: (interrupt) => interrupt('SIGINT'),
    })
    t.deepEqual([status, stderr], [130, 'wasiexec: aborted by SIGINT\n'])
    t.deepEqual(await readdir(path), ['out.cwasm'])
    t.is(await readFile(output, 'utf8'), 'precious')
  }
})

test('what cannot be written leaves nothing behind', async (t) => {
  const path = await folder(t)
  const gone = await call(['compile', watPath('hello'), '-o', join(path, 'no', 'out.cwasm')])
  t.is(gone.status, 125)
  t.regex(gone.stderr, /^wasiexec: cannot write .*out\.cwasm: ENOENT.*\n$/)
  await mkdir(join(path, 'folder'))
  const onFolder = await call(['compile', watPath('hello'), '-o', join(path, 'folder'), '--force'])
  t.is(onFolder.status, 125)
  t.deepEqual(await readdir(path), ['folder'])
  t.deepEqual(await readdir(join(path, 'folder')), [])
  const broken = await call(['compile', watPath('hello').replace('.wat', '.missing')])
  t.is(broken.status, 125)
  t.is(
    (await call(['compile', '-'], { stdin: '(module)' })).stderr,
    'wasiexec: a program from stdin needs --output\n',
  )
})

// Root may write anywhere.
const unprivileged = process.platform === 'win32' || process.getuid?.() === 0 ? test.skip : test

unprivileged('a folder that may not be written to', async (t) => {
  const path = await folder(t)
  await chmod(path, 0o500)
  t.is((await call(['compile', watPath('hello'), '-o', join(path, 'out.cwasm')])).status, 125)
  await chmod(path, 0o700)
})

test('damaged and foreign files are refused, each in its words', async (t) => {
  const path = await folder(t)
  const output = join(path, 'hello.cwasm')
  await call(['compile', watPath('hello'), '-o', output, '-q'])
  const whole = await readFile(output)
  await writeFile(output, whole.subarray(0, whole.length / 2))
  const damaged = await call(['run', '--trust-precompiled', output])
  t.is(damaged.status, 125)
  t.regex(damaged.stderr, /hello\.cwasm: the precompiled program is damaged/)
})

test('inspect shows a module', async (t) => {
  await real('crash')
  const crash = join(import.meta.dirname, '../../guests/.unpacked/crash.wasm')
  const { status, stdout, stderr } = await call(['inspect', crash])
  t.deepEqual([status, stderr], [0, ''])
  t.regex(stdout, /^kind +module, WASI 0\.1, command$/m)
  t.regex(stdout, /^memory +pages: 257 \(16\.06 MiB\), no maximum$/m)
  t.regex(stdout, /^processed-by +clang /m)
  t.regex(
    stdout,
    /^ {2}wasi_snapshot_preview1\.fd_write {2}function {2}\(i32, i32, i32, i32\) -> i32$/m,
  )
  t.notRegex(stdout, /cannot be run/)
})

test('inspect shows what is missing, and that is no error', async (t) => {
  const { status, stdout } = await call(['inspect', watPath('unresolved-import')])
  t.is(status, 0)
  const [, missing] = stdout.split('which a host gives in JavaScript: 2\n')
  t.regex(missing!, /^ {2}env\.foo {2}function {2}\(i32\) -> i32\n {2}env\.bar {2}memory /)
  const reactor = await call(['inspect', watPath('reactor')])
  t.regex(reactor.stdout, /^kind +module, .*, reactor$/m)
  t.regex(
    reactor.stdout,
    /^cannot be run: the program is a reactor .*; to call its functions, use wasiexec run --invoke$/m,
  )
  const component = await call(['inspect', watPath('component-imports-nn')])
  t.regex(component.stdout, /^ {2}wasi:nn\/types@0\.2\.0 {2}instance {2}1 function, 1 resource$/m)
})

test('inspect --json has all of it', async (t) => {
  const { status, stdout } = await call(['inspect', '--json', watPath('hello')])
  t.is(status, 0)
  t.like(JSON.parse(stdout), {
    name: 'hello.wat',
    kind: 'module',
    wasi: 'p1',
    entry: 'command',
    memories: [{ minimumPages: 1 }],
    producers: {},
    problem: null,
  })
})

test('names that a program chose cannot command the terminal', async (t) => {
  const stdin =
    '(module (import "e\\1b[31m" "x\\0ay\\u{202e}\\u{200f}" (func)) (func (export "_start")))'
  const { stdout } = await call(['inspect', '-'], { stdin })
  t.false(stdout.includes('\u{1b}'))
  t.true(stdout.includes('  e\\u{1b}[31m.x\\u{a}y\\u{202e}\\u{200f}  function'), stdout)
})
