// Run once more with worker processes, with each compiler, and through spawn.
import { once } from 'node:events'
import test from 'ava'
import { ended, node, start } from '../support/child.ts'
import { ending, observed, refusal, wat } from '../support/guest.ts'

const BINARY = Uint8Array.from({ length: 200_000 }, (_, index) => (index * 7919) >> 3)

test('stdin is empty by default', async (t) => {
  const program = await wat('cat')
  t.deepEqual(observed(await program.run()), ['exit 0', '', ''])
  t.deepEqual(observed(await program.run({ stdin: 'empty' })), ['exit 0', '', ''])
  t.deepEqual(observed(program.runSync()), ['exit 0', '', ''])
})

test('stdin from text and bytes arrives as it is', async (t) => {
  const program = await wat('cat')
  for (const stdin of ['', 'a', 'naïve ✓ 🦀\n', 'x'.repeat(300_000), '\0\0']) {
    t.is((await program.run({ stdin })).stdout.toString(), stdin)
    t.is(program.runSync({ stdin }).stdout.toString(), stdin)
  }
  for (const stdin of [BINARY, Buffer.from(BINARY), BINARY.subarray(3, 77), new Uint8Array()]) {
    t.true((await program.run({ stdin })).stdout.equals(stdin))
    t.true(program.runSync({ stdin }).stdout.equals(stdin))
  }
})

test('the words "inherit" and "empty" themselves are passed as bytes', async (t) => {
  const program = await wat('cat')
  const outcome = await program.run({ stdin: Buffer.from('inherit') })
  t.is(outcome.stdout.toString(), 'inherit')
})

test('bytes may be changed once run has been called', async (t) => {
  const program = await wat('cat')
  const stdin = Buffer.from('first')
  const running = program.run({ stdin })
  stdin.write('later')
  t.is((await running).stdout.toString(), 'first')
})

test('a component reads stdin, too', async (t) => {
  const program = await wat('component-hello')
  t.is(ending(await program.run({ stdin: 'ignored by it' })), 'exit 0')
})

test('stdout and stderr are captured apart', async (t) => {
  t.deepEqual(observed(await (await wat('print-both')).run()), ['exit 2', 'out\n', 'err\n'])
})

test('ignored output is nowhere', async (t) => {
  const program = await wat('print-both')
  t.deepEqual(observed(await program.run({ stdout: 'ignore' })), ['exit 2', '', 'err\n'])
  t.deepEqual(observed(await program.run({ stderr: 'ignore' })), ['exit 2', 'out\n', ''])
  t.deepEqual(observed(program.runSync({ stdout: 'ignore', stderr: 'ignore' })), ['exit 2', '', ''])
})

test("'inherit' for output is this process's own", async (t) => {
  const child = await node(`
    const program = await wat('print-both')
    const outcome = await program.run({ stdout: 'inherit', stderr: 'inherit' })
    program.runSync({ stdout: 'inherit', stderr: 'ignore' })
    process.exitCode = outcome.stdout.length + outcome.stderr.length + outcome.code`)
  t.like(child, { code: 2, signal: null, stdout: 'out\nout\n', stderr: 'err\n' })
})

test('inherited output is complete even if the process exits at once', async (t) => {
  const child = await node(`
    const program = await wat('flood-argv')
    await program.run({ args: ['300000'], stdout: 'inherit' })
    process.exit(0)`)
  t.is(child.code, 0, child.stderr)
  t.is(child.stdout.length, 300_000)
})

test('inherited output of which nobody reads the rest ends the guest, not the process', async (t) => {
  const child = start(`
    const program = await wat('cat')
    async function* endless() {
      for (;;) yield 'x'.repeat(10_000)
    }
    const outcome = await program.run({ stdin: endless(), stdout: 'inherit' })
    process.stderr.write(ending(outcome))`)
  await once(child.stdout!, 'data')
  child.stdout!.destroy()
  let stderr = ''
  child.stderr!.on('data', (chunk) => (stderr += chunk))
  const [code] = (await once(child, 'close')) as [number]
  t.is(code, 0, stderr)
  t.regex(stderr, /^exit \d+$/)
})

for (const call of [
  "await program.run({ stdin: 'inherit' })",
  "program.runSync({ stdin: 'inherit' })",
]) {
  test(`'inherit' for stdin is this process's own: ${call}`, async (t) => {
    const stdin = 'line\n'.repeat(50_000)
    const child = await node(
      `const program = await wat('cat')
       const outcome = ${call}
       console.log(ending(outcome), outcome.stdout.length)`,
      { stdin },
    )
    t.like(child, { code: 0, stdout: `exit 0 ${stdin.length}\n` })
  })
}

test('an inherited stdin on which nothing comes is no obstacle for a timeout or the end', async (t) => {
  const child = start(`
    const program = await wat('cat')
    const outcome = await program.run({ stdin: 'inherit', limits: { timeoutMs: 50 } })
    console.log(ending(outcome))`)
  // Its stdin stays open until it has ended.
  const { code, signal, stdout } = await ended(child)
  t.deepEqual([code, signal, stdout], [0, null, 'limit timeout\n'])
})

test('what one guest left of an inherited stdin is there for the next', async (t) => {
  const child = await node(
    `const program = await wat('cat')
     const first = program.run({ stdin: 'inherit' })
     console.log(observed(await first)[1], observed(await program.run({ stdin: 'inherit' }))[1] === '')`,
    { stdin: 'abc' },
  )
  t.is(child.stdout, 'abc true\n', child.stderr)
})

test('runSync refuses what would need the thread that waits', async (t) => {
  const program = await wat('hello')
  const refused: [Record<string, unknown>, RegExp][] = [
    [{ signal: new AbortController().signal }, /^`signal` must be absent/],
    [{ stdin: process.stdin }, /^`stdin` must be a string, bytes, 'inherit' or 'empty', got/],
    [{ stdout: process.stdout }, /^`stdout` must be 'capture', 'inherit' or 'ignore', got/],
    [{ stderr: process.stderr }, /^`stderr` must be 'capture', 'inherit' or 'ignore', got/],
  ]
  for (const [options, message] of refused) {
    const error = await refusal(() => program.runSync(options))
    t.is(error.code, 'ERR_INVALID_OPTION')
    t.regex(error.message, message)
  }
  t.is(ending(program.runSync()), 'exit 0')
})

test('runSync ends in every way in which run does', async (t) => {
  const sync = async (guest: string, options = {}) => ending((await wat(guest)).runSync(options))
  t.is(await sync('trap-unreachable'), 'trap unreachable')
  t.is(await sync('loop', { limits: { timeoutMs: 30 } }), 'limit timeout')
  t.is(await sync('sleep-hour', { limits: { timeoutMs: 30 } }), 'limit timeout')
  t.is(await sync('loop', { limits: { fuel: 100 } }), 'limit fuel')
  t.is(await sync('flood', { limits: { outputBytes: 1 } }), 'limit output')
  t.is(await sync('component-exit-with-code-255'), 'exit 255')
  t.is(await sync('component-p3-hello'), 'exit 0')
})

test('runSync works while other runs are going on, from inside of callbacks, too', async (t) => {
  const args = await wat('args')
  const sleeping = (await wat('sleep-argv')).run({ args: ['100'] })
  const inside = await args.run().then(() => args.runSync({ args: ['inside'] }))
  t.is(inside.stdout.toString(), 'args.wat\ninside\n')
  t.deepEqual(observed(await sleeping), ['exit 0', 'slept\n', ''])
})

test('runSync in a runtime whose threads are all busy gets its turn', async (t) => {
  const child = await node(`
    const runtime = new Runtime({ threads: 1 })
    const loop = await ownWat('loop', { runtime })
    const hello = await ownWat('hello', { runtime })
    const looping = loop.run({ limits: { timeoutMs: 5000 } })
    console.log(observed(hello.runSync())[1].trim())
    await runtime.close()
    console.log(ending(await looping))`)
  t.is(child.stdout, 'hello\nabort\n', child.stderr)
})
