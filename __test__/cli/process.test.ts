// The real command as a process: pipes, signals, a pseudo-terminal.
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test from 'ava'
import { ended } from '../support/child.ts'
import { command, shell, start, terminal } from '../support/cli.ts'
import { folder, watPath } from '../support/guest.ts'
import { rendered } from '../support/rendered.ts'

/** Signals, shells and pseudo-terminals are not Windows'. */
const posix = process.platform === 'win32' ? test.skip : test

test('bytes pass unchanged, in both directions', async (t) => {
  const lines = Array.from({ length: 50_000 }, (_, index) => `line ${index} ü\0\n`).join('')
  const { code, stdout, stderr } = await command(['run', watPath('cat')], lines)
  t.deepEqual([code, stderr], [0, ''])
  t.true(stdout === lines)
})

test('stdin is live', async (t) => {
  const child = start(['run', watPath('cat')])
  for (const line of ['one\n', 'two\n']) {
    child.stdin!.write(line)
    t.is(String((await once(child.stdout!, 'data'))[0]), line)
  }
  child.stdin!.end()
  t.is((await ended(child)).code, 0)
})

test('statuses and reasons', async (t) => {
  const exit = await command(['run', watPath('exit-argv'), '300'])
  t.deepEqual([exit.code, exit.stderr], [44, ''])
  const trap = await command(['run', watPath('trap-unreachable')])
  t.is(trap.code, 134)
  t.regex(trap.stderr, /^wasiexec: trap-unreachable\.wat: trap: .*\n {4}at inner /)
  const timeout = await command(['run', '--timeout', '100ms', watPath('print-then-loop')])
  t.deepEqual(
    [timeout.code, timeout.stdout, timeout.stderr],
    [124, 'before\n', 'wasiexec: print-then-loop.wat: timeout after 100 ms\n'],
  )
  const cut = await command(['run', '--max-output', '100001', watPath('flood')])
  t.deepEqual([cut.code, cut.stdout.length], [153, 100_001])
  const missing = await command(['run', 'missing.wasm'])
  t.deepEqual([missing.code, missing.stdout], [125, ''])
})

posix('a closed pipe ends it quietly', async (t) => {
  const line = `set -o pipefail; wasiexec run '${watPath('flood')}' | head -c 10`
  const { code, stdout, stderr } = await shell(line)
  t.deepEqual([code, stdout, stderr], [141, '0123456789', ''])
  for (const words of ['--help', 'run --help', `inspect '${watPath('hello')}'`]) {
    // `true` reads nothing: either it is gone already, or it goes with the pipe full of little.
    const unread = await shell(`wasiexec ${words} | true; exit "\${PIPESTATUS[0]}"`)
    t.true(unread.code === 0 || unread.code === 141, String(unread.code))
    t.is(unread.stderr, '')
  }
})

posix(
  'all that a guest has printed arrives, also if it is long and its reader is slow',
  async (t) => {
    for (const guest of ['write-once', 'component-write-once', 'component-p3-write-once']) {
      const line = `wasiexec run '${watPath(guest)}' | (sleep 0.3; wc -c); exit "\${PIPESTATUS[0]}"`
      const { code, stdout, stderr } = await shell(line)
      t.deepEqual([code, stdout.trim(), stderr], [0, `${8 << 20}`, ''], guest)
    }
  },
)

posix('a stdin that cannot be read is an error for the guest, and not its end', async (t) => {
  const EISDIR = 31
  t.is((await shell(`wasiexec run '${watPath('cat')}' </`)).code, EISDIR)
})

posix('streams that are closed from the start', async (t) => {
  const hello = watPath('hello')
  t.is((await shell(`wasiexec run '${watPath('cat')}' <&-`)).code, 0)
  t.like(await shell(`wasiexec run '${hello}' 2>&-`), { code: 0, stdout: 'hello\n' })
  const none = await shell(`wasiexec run '${watPath('trap-unreachable')}' 2>/dev/null`)
  t.is(none.code, 134)
})

if (process.platform === 'linux') {
  test('a full disk behind stdout is an error of ours, or the guest sees it', async (t) => {
    const help = await shell('wasiexec --help >/dev/full')
    t.is(help.code, 125)
    t.regex(help.stderr, /^wasiexec: .*ENOSPC.*\n$/)
    const ENOSPC = 51
    const guest = await shell(`wasiexec run '${watPath('exit-with-write-error')}' >/dev/full`)
    t.like(guest, { code: ENOSPC, stderr: '' })
  })
}

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  posix(`${signal} ends a guest that waits and one that computes`, async (t) => {
    for (const guest of ['signal-then-sleep', 'signal-then-loop', 'print-then-loop']) {
      const child = start(['run', watPath(guest)])
      await once(child.stdout!, 'data')
      const stderr = text(child.stderr!)
      child.kill(signal)
      const [code, by] = (await once(child, 'close')) as [number | null, string | null]
      t.deepEqual([code, by], [status, null], guest)
      t.true((await stderr).includes(`wasiexec: ${guest}.wat: aborted by ${signal}\n`), guest)
    }
  })
}

posix('a second signal ends what does not hear the first', async (t) => {
  // A run whose print is on the way still hears the first: then the next one is looked at.
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const child = start(['run', '--no-interruptible', watPath('print-then-loop')])
    await once(child.stdout!, 'data')
    child.kill('SIGINT')
    // The first one takes its listener away; how long that lasts is not known here.
    const again = setInterval(() => child.kill('SIGINT'), 100)
    const [status, signal] = await once(child, 'exit')
    clearInterval(again)
    if (signal === 'SIGINT') {
      t.is(status, null)
      return
    }
    t.deepEqual([status, signal], [130, null])
  }
  t.fail('each run heard the first signal')
})

posix('Ctrl-C on a terminal aborts', async (t) => {
  for (const guest of ['print-then-loop', 'signal-then-sleep']) {
    const shown = await terminal(['run', watPath(guest)], [{ until: '\n' }, { type: '\u{3}' }])
    t.is(shown.status, 130, shown.screen)
    t.regex(shown.screen, new RegExp(`wasiexec: ${guest}\\.wat: aborted by SIGINT`))
  }
})

posix('Ctrl-C aborts a program that waits for what is typed', async (t) => {
  const steps = [{ type: 'one\n' }, { until: 'one\r\none\r\n' }, { type: '\u{3}' }]
  const { screen, status } = await terminal(['run', watPath('cat')], steps)
  t.is(status, 130)
  t.true(screen.endsWith('wasiexec: cat.wat: aborted by SIGINT\r\n'), screen)
})

posix('what is typed reaches the program line by line, and Ctrl-D is its end', async (t) => {
  const { screen, status } = await terminal(
    ['run', watPath('cat')],
    [
      { type: 'one\n' },
      { until: 'one\r\none\r\n' },
      { type: 'two\n' },
      { until: 'two\r\ntwo\r\n' },
      { type: '\u{4}' },
    ],
  )
  t.is(status, 0)
  t.is(screen, 'one\r\none\r\ntwo\r\ntwo\r\n')
})

posix('a prompt is shown at once, and Ctrl-D ends one read, as in a native program', async (t) => {
  const { screen, status } = await terminal(
    ['run', watPath('prompt')],
    [
      { until: '> ' },
      { type: 'one\n' },
      { until: '[one\r\n]\r\n> ' },
      // In the middle of a line it ends the read, and at its beginning the input.
      { type: 'two\u{4}' },
      { until: '[two]\r\n> ' },
      { type: '\u{4}' },
      { until: '[end]\r\n> ' },
      { type: 'three\n' },
      { until: '[three\r\n]\r\n> ' },
      { type: '\u{4}' },
      { until: '[end]\r\n' },
    ],
  )
  t.is(status, 0, screen)
  t.is(
    screen,
    '> one\r\n[one\r\n]\r\n> two[two]\r\n> [end]\r\n> three\r\n[three\r\n]\r\n> [end]\r\n',
  )
})

posix('what is typed is edited by the terminal: backspace and Ctrl-U', async (t) => {
  const { screen, status } = await terminal(
    ['run', watPath('prompt')],
    [
      { until: '> ' },
      { type: 'ab\u{7f}c\n' },
      { until: '[ac\r\n]\r\n> ' },
      { type: 'nothing\u{15}d\n' },
      { until: '[d\r\n]\r\n> ' },
      { type: '\u{4}' },
      { until: '[end]\r\n> ' },
      { type: '\u{4}' },
    ],
  )
  t.is(status, 0, screen)
})

/** Prints a text of less than ten bytes, and traps. */
const HALF_LINE = (text: string): string => `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\08\\00\\00\\00\\0${text.length}\\00\\00\\00${text.replaceAll('\n', '\\n')}")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64))) unreachable))`

posix('what is said has a line of its own, whatever the program has printed', async (t) => {
  const path = join(await folder(t), 'half.wat')
  for (const [printed, shown] of [
    ['ab', ['ab']],
    ['ab\n', ['ab']],
    ['\n', ['']],
    ['a\nb', ['a', 'b']],
  ] as const) {
    await writeFile(path, HALF_LINE(printed))
    const { screen, status } = await terminal(['run', path], [])
    t.is(status, 134)
    const rows = await rendered(screen)
    t.deepEqual(rows.slice(0, shown.length), [...shown], screen)
    t.regex(rows[shown.length]!, /^wasiexec: half\.wat: trap: /)
    const dumb = await terminal(['run', path], [], { TERM: 'dumb' })
    t.true(dumb.screen.startsWith(`${printed.replaceAll('\n', '\r\n')}wasiexec: half.wat: `))
  }
})

posix('Ctrl-C behind a prompt, on terminals of any width', async (t) => {
  for (const columns of [80, 7, 3, 1]) {
    const { screen, status } = await terminal(
      ['run', watPath('prompt')],
      [{ resize: columns }, { until: '> ' }, { type: '\u{3}' }],
    )
    t.is(status, 130)
    // The terminal shows ^C itself.
    const text = (await rendered(screen, columns)).join('').replaceAll(' ', '')
    t.is(text, '>^Cwasiexec:prompt.wat:abortedbySIGINT', `${columns} columns`)
  }
})

posix('a process that is stopped goes on, and reads what was typed meanwhile', async (t) => {
  const { screen, status } = await terminal(
    ['run', watPath('prompt')],
    [
      { until: '> ' },
      { signal: 'STOP' },
      { type: 'one\n' },
      { signal: 'CONT' },
      { until: '[one\r\n]\r\n> ' },
      { type: '\u{4}' },
      { until: '[end]\r\n> ' },
      { type: '\u{4}' },
    ],
  )
  t.is(status, 0, screen)
})

posix('help is as wide as the terminal', async (t) => {
  const { screen } = await terminal(['run', '--help'], [])
  const widths = screen.split('\r\n').map((line) => line.length)
  t.true(Math.max(...widths.slice(0, 20)) <= 80, String(widths))
})

posix('the verbs work on a terminal', async (t) => {
  const { screen, status } = await terminal(['inspect', watPath('hello')], [])
  t.is(status, 0)
  t.regex(screen, /kind +module, WASI 0\.1, command\r\n/)
})
