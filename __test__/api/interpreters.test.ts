// What docs/languages.md says of interpreters that are had ready.
import test from 'ava'
import { load } from '../support/package.ts'
import { callEnding, compiled, ending } from '../support/guest.ts'
import { cpython, quickjs, Ruby } from '../support/interpreters.ts'
import { withoutTools } from '../support/tour.ts'

const testWithTools = withoutTools === undefined ? test : test.skip

test('CPython', async (t) => {
  const program = await load(cpython, { cache: compiled })
  const cases: readonly [code: string, ending: string, stdout: string, stderr: RegExp][] = [
    ['print("hello")', 'exit 0', 'hello\n', /^$/],
    ['import sys; sys.exit(7)', 'exit 7', '', /^$/],
    ['raise ValueError("boom")', 'exit 1', '', /^Traceback[^]*\nValueError: boom\n$/],
    ['while True: pass', 'limit timeout', '', /^$/],
    ['bytearray(1 << 29)', 'exit 1', '', /MemoryError/],
  ]
  for (const [code, expected, stdout, stderr] of cases) {
    const spins = expected === 'limit timeout'
    const limits = { memoryBytes: 256 << 20, ...(spins && { timeoutMs: 1000 }) }
    const outcome = await program.run({ args: ['-c', code], limits })
    t.is(ending(outcome), expected, outcome.stderr.toString())
    t.is(outcome.stdout.toString(), stdout)
    t.regex(outcome.stderr.toString(), stderr)
  }
})

testWithTools('QuickJS', async (t) => {
  const hello = await quickjs(['-e', 'console.log("hello", [3, 1, 2].sort())'])
  t.is(callEnding(hello), 'returned')
  t.is(hello.stdout.toString(), 'hello 1,2,3\n')
  t.is(callEnding(await quickjs(['--std', '-e', 'std.exit(7)'])), 'exit 7')
  const thrown = await quickjs(['-e', 'throw new Error("boom")'])
  t.is(thrown.kind === 'returned' && thrown.values[0], -1)
  t.regex(thrown.stderr.toString(), /^Error: boom\n/)
  const recursion = await quickjs(['-e', 'function f() { f() } f()'])
  t.regex(recursion.stderr.toString(), /^RangeError: Maximum call stack size exceeded/)
  t.is(callEnding(await quickjs(['-e', 'for (;;);'], { timeoutMs: 100 })), 'limit timeout')
  const hoard = 'const kept = []; for (;;) kept.push(new Uint8Array(1 << 20))'
  const memoryBytes = 64 << 20
  t.is(callEnding(await quickjs(['-e', hoard], { memoryBytes, onMemory: 'stop' })), 'limit memory')
  t.regex((await quickjs(['-e', hoard], { memoryBytes })).stderr.toString(), /out of memory/)
})

testWithTools('Ruby', async (t) => {
  const ruby = await Ruby.start()
  const [hello, fine] = await ruby.evaluate('puts "hello", [3, 1, 2].sort.inspect; $stdout.flush')
  t.is(hello.stdout.toString(), 'hello\n[1, 2, 3]\n')
  t.true(fine)
  const [raised, well] = await ruby.evaluate('raise "boom"')
  t.deepEqual([callEnding(raised), well], ['returned', false])
  const [told] = await ruby.evaluate('puts $!.full_message(highlight: false); $stdout.flush')
  t.regex(told.stdout.toString(), /boom \(RuntimeError\)/)
  const [spun] = await ruby.evaluate('while true; end', { timeoutMs: 100 })
  t.is(callEnding(spun), 'limit timeout')
  const hoarding = await Ruby.start({ memoryBytes: 128 << 20, onMemory: 'stop' })
  const hoard = 'kept = []; while true; kept << "x" * (1 << 20); end'
  t.is(callEnding((await hoarding.evaluate(hoard))[0]), 'limit memory')
  const exiting = await Ruby.start()
  const [exited, left] = await exiting.evaluate('exit 7')
  t.deepEqual([callEnding(exited), left], ['returned', false])
})
