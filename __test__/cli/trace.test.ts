// How a trap is shown: as a compiler shows a mistake.
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { call, run, Screen } from '../support/cli.ts'
import { folder, realPath } from '../support/guest.ts'
import type { TrapInfo } from '../support/package.ts'

const SOURCE = fileURLToPath(new URL('../../guests/src/c/crash.c', import.meta.url))
const HEAD = 'wasiexec: crash.wasm: trap: integer divide by zero (integer-divide-by-zero)'
const FRAMES = [
  '    at inner (./src/c/crash.c:12:12)',
  '    at outer (./src/c/crash.c:16:10)',
  '    at main (./src/c/crash.c:23:12)',
  '    at _start (./src/c/crash.c:28:3)',
]

/** The program in a folder of its own, to which its paths are relative. */
async function crash(t: ExecutionContext): Promise<{ program: string; source: string }> {
  const home = await folder(t)
  const program = join(home, 'crash.wasm')
  await copyFile(await realPath('crash'), program)
  const source = join(home, 'src', 'c', 'crash.c')
  await mkdir(dirname(source), { recursive: true })
  return { program, source }
}

async function shown(program: string, stderr = new Screen()): Promise<string[]> {
  const { stderr: text } = await run([program], { stderr })
  return text.trimEnd().split('\n')
}

test('the place comes first, then the frames', async (t) => {
  const { program } = await crash(t)
  t.deepEqual(await shown(program), [HEAD, '  --> ./src/c/crash.c:12:12', ...FRAMES])
})

test('calls of the same place are one line', async (t) => {
  const program = join(await folder(t), 'deep.wat')
  await writeFile(program, '(module (func $deep (export "_start") (call $deep) (call $deep)))')
  const [head, ...frames] = await shown(program)
  t.is(head, 'wasiexec: deep.wat: trap: call stack exhausted (stack-overflow)')
  const counts = frames.map((line) => {
    const [, place, count = '1'] = /^    at (deep.*?)(?:, (\d+) times)?$/.exec(line)!
    return [place, Number(count)] as const
  })
  t.true(frames.length <= 2, frames.join('\n'))
  t.is(
    counts.reduce((sum, [, count]) => sum + count, 0),
    20,
  )
  t.is(new Set(counts.map(([place]) => place)).size, counts.length)
})

/** The lines of frames, without what depends on the compiler's version. */
const frameLines = (lines: readonly string[]): string[] =>
  lines.filter((line) => /^ {4}(?:at|\.\.\.) /.test(line))

test('calls of the language are one line with their number, and all with --full-trace', async (t) => {
  const program = await realPath('panic')
  const { stderr } = await run([program, 'index'])
  const short = frameLines(stderr.split('\n'))
  const own = short.filter((line) => line.includes('panic::'))
  t.deepEqual(
    own.map((line) => /at (panic::\w+) /.exec(line)?.[1]),
    ['panic::pick', 'panic::work', 'panic::main'],
  )
  const [before, ...rest] = short
  const [, first] =
    /^ {4}\.\.\. (\d+) calls of the language's library \(--full-trace shows them\)$/.exec(before!)!
  const [, last] = /^ {4}\.\.\. (\d+) calls of the language's library$/.exec(rest.at(-1)!)!
  t.deepEqual(rest.slice(0, -1), own)
  const full = frameLines((await run(['--full-trace', program, 'index'])).stderr.split('\n'))
  t.is(full.length, Number(first) + own.length + Number(last))
  t.deepEqual(full.slice(Number(first), -Number(last)), own)
  t.regex(full[0]!, /^ {4}at abort /)
  // Everything else keeps all.
  const { stdout } = await run(['--json', program, 'index'])
  const { trap } = JSON.parse(stdout) as { trap: TrapInfo }
  t.is(trap.frames.length, full.length)
  t.deepEqual(
    trap.frames.map((frame) => frame.library === true),
    full.map((line) => !own.includes(line)),
  )
  t.deepEqual(trap.location, trap.frames[Number(first)])
})

test('the repl shows a trap as run does', async (t) => {
  const program = await realPath('panic')
  for (const [flags, hint] of [
    [[], true],
    [['--full-trace'], false],
  ] as const) {
    const { stderr } = await call(['repl', ...flags, program, '--', 'index'], { stdin: '_start\n' })
    t.is(stderr.includes('--full-trace shows them'), hint, stderr)
    t.regex(stderr, /panic::pick/)
  }
})

test('one call of the language, and those of a program that has no others, are shown', async (t) => {
  const path = join(await folder(t), 'library.wat')
  const guest = (middle: string): string => `(module
    (func $rust_panic unreachable) (func $core::fail (call $rust_panic))
    (func $${middle} (call $core::fail)) (func $_start (export "_start") (call $${middle})))`
  for (const [middle, lines] of [
    ['main', ['... 2', 'at main', 'at _start']],
    ['std::main', ['at rust_panic', 'at core::fail', 'at std::main', 'at _start']],
  ] as const) {
    await writeFile(path, guest(middle))
    t.deepEqual(
      frameLines(await shown(path)).map((line) => /^ {4}(\S+ \S+)/.exec(line)?.[1]),
      lines,
    )
  }
})

test('the line of the source is shown where the file is there, with a mark below it', async (t) => {
  const { program, source } = await crash(t)
  await copyFile(SOURCE, source)
  const line = (await readFile(SOURCE, 'utf8')).split('\n')[11]!
  t.deepEqual(await shown(program), [
    HEAD,
    '  --> ./src/c/crash.c:12:12',
    '   |',
    `12 | ${line}`,
    '   |            ^',
    ...FRAMES,
  ])
  t.is(line[11], '/')
})

test('tabs, wide characters and what a terminal would obey do not move the mark', async (t) => {
  const { program, source } = await crash(t)
  const lines = Array.from({ length: 11 }, () => '')
  await writeFile(source, [...lines, '\tü\u{1b}[31m = a / b;', ''].join('\r\n'))
  const [, , , line, mark] = await shown(program)
  t.is(line, '12 |     ü\\u{1b}[31m = a / b;')
  // The twelfth byte is the first of `a`; before it are a tab, two bytes of ü, the escape and eight more.
  t.is(mark!.indexOf('^'), line!.indexOf('a /'))
})

test('a file that is too short, or that nobody wrote, shows nothing', async (t) => {
  const { program, source } = await crash(t)
  for (const text of ['one line\n', `${'\n'.repeat(11)}${'x'.repeat(10_000)}\n`]) {
    await writeFile(source, text)
    t.deepEqual(await shown(program), [HEAD, '  --> ./src/c/crash.c:12:12', ...FRAMES])
  }
})

test('a program cannot have a file elsewhere shown', async (t) => {
  const elsewhere = join(await folder(t), 'secret.c')
  await copyFile(SOURCE, elsewhere)
  const { program, source } = await crash(t)
  await symlink(elsewhere, source)
  t.deepEqual(await shown(program), [HEAD, '  --> ./src/c/crash.c:12:12', ...FRAMES])
})

test('a program cannot have a file shown that is no source', async (t) => {
  const { program, source } = await crash(t)
  // As long as the name that the program has.
  const [name, other] = ['crash.c', 'secrets']
  const bytes = (await readFile(program)).toString('latin1').replaceAll(name, other)
  await writeFile(program, bytes, 'latin1')
  await copyFile(SOURCE, join(dirname(source), other))
  const [head, place] = await shown(program)
  t.is(head, HEAD)
  t.is(place, `  --> ./src/c/${other}:12:12`)
  t.is((await shown(program)).length, 6)
})

test('colours are for terminals, and NO_COLOR is obeyed', async (t) => {
  const { program } = await crash(t)
  const coloured = new Screen(true)
  await run([program], { stderr: coloured })
  t.true(coloured.text.includes('\u{1b}[1;31mtrap\u{1b}[0m: integer divide by zero'))
  t.true(coloured.text.includes('\u{1b}[1;34m-->\u{1b}[0m'))
  for (const env of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
    const plain = new Screen(true)
    await run([program], { stderr: plain, env })
    t.notRegex(plain.text, /\[1;3/)
  }
})
