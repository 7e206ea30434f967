// `wasiexec snapshot`, in this process.
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { call } from '../support/cli.ts'
import { folder, realPath, watPath } from '../support/guest.ts'

test('a snapshot is written and run', async (t) => {
  const path = await folder(t)
  const warm = join(path, 'warm.wasm')
  const rust = await realPath('rust')
  const taken = await call(['snapshot', rust, '-o', warm, '--', 'cat'])
  t.deepEqual([taken.status, taken.stdout], [0, ''])
  t.regex(taken.stderr, /^wasiexec: wrote .*warm\.wasm \([\d.]+ KiB\)\n$/)
  t.deepEqual(await readdir(path), ['warm.wasm'])
  const ran = await call(['run', warm], { stdin: 'some text' })
  t.deepEqual([ran.status, ran.stdout, ran.stderr], [0, 'some text', '9\n'])
  const refused = await call(['run', warm, 'other'])
  t.is(refused.status, 125)
  t.regex(refused.stderr, /^wasiexec: `args` cannot be given to a run of a snapshot/)
})

test('a program that ends before leaves no file, and says how it ended', async (t) => {
  const path = await folder(t)
  const { status, stdout, stderr } = await call([
    'snapshot',
    '-o',
    join(path, 'out.wasm'),
    watPath('print-both'),
  ])
  t.deepEqual([status, stdout], [125, ''])
  t.regex(
    stderr,
    /\nwasiexec: no snapshot was taken, because the program ended before it read stdin: /,
  )
  t.deepEqual(await readdir(path), [])
})

test('a file that is there is replaced with --force alone', async (t) => {
  const path = await folder(t)
  const output = join(path, 'out.wasm')
  await writeFile(output, 'precious')
  const rust = await realPath('rust')
  const refused = await call(['snapshot', '-o', output, rust, 'cat'])
  t.is(refused.status, 125)
  t.regex(refused.stderr, /exists; --force replaces it/)
  t.deepEqual(await call(['snapshot', '-q', '--force', '-o', output, rust, 'cat']), {
    status: 0,
    stdout: '',
    stderr: '',
  })
})

test('bad command lines', async (t) => {
  for (const [words, pattern] of [
    [['snapshot'], /missing required argument/],
    [['snapshot', '-'], /a program from stdin needs --output/],
    [['snapshot', '-o', '-', watPath('cat')], /--output needs a file/],
    [['snapshot', '--on-output', 'truncate', watPath('cat')], /unknown option '--on-output'/],
    [['snapshot', '--call', 'nothing', '-o', '/tmp/x.wasm', watPath('cat')], /nothing/],
  ] as [string[], RegExp][]) {
    const { status, stderr } = await call(words)
    t.is(status, 125)
    t.regex(stderr, pattern)
  }
})

test('a function of --call that cannot be called is told with those that can', async (t) => {
  const path = await folder(t)
  const words = ['snapshot', '-o', join(path, 'out.wasm'), '--call', 'nope']
  const { status, stderr } = await call([...words, await realPath('rust')])
  t.is(status, 125)
  t.regex(
    stderr,
    /^wasiexec: --call must name an exported function without parameters \(.*\), got "nope"\n$/,
  )
})
