// Run once more with worker processes, with each compiler, through spawn, and by calls.
import { inspect } from 'node:util'
import test from 'ava'
import fc from 'fast-check'
import {
  orThrow,
  ProgramError,
  type JsonOutcome,
  type Outcome,
  type RunOptions,
} from '../support/package.ts'
import { exit } from '../../src/outcome.ts'
import { ending, observed, wat } from '../support/guest.ts'
import { withMoreTime } from '../support/patience.ts'

const CODES = [
  0, 1, 2, 3, 124, 125, 126, 127, 128, 134, 137, 139, 255, 256, 65_535, 65_536, 2_147_483_647,
  2_147_483_648, 0xef_ff_ff_ff, 4_294_967_295,
]

/** What each guest's run answers: the contract. */
const ENDINGS: readonly [guest: string, ending: string, stdout: string, options?: RunOptions][] = [
  ['return', 'exit 0', ''],
  ['hello', 'exit 0', 'hello\n'],
  ['print-both', 'exit 2', 'out\n'],
  ['exit-in-start-function', 'exit 7', ''],
  ['exit-deep-recursion', 'exit 5', ''],
  ['exit-table-call', 'exit 6', ''],
  ['exit-without-memory', 'exit 4', ''],
  ['exit-then-unreachable', 'exit 0', 'before\n'],
  ['exit-then-print', 'exit 0', ''],
  ['exit-unstable', 'exit 300', 'p0\n'],
  ['component-hello', 'exit 0', 'hello\n'],
  ['component-return-ok', 'exit 0', ''],
  ['component-return-err', 'exit 1', ''],
  ['component-exit-ok', 'exit 0', ''],
  ['component-exit-err', 'exit 1', ''],
  ['component-exit-with-code-3', 'exit 3', ''],
  ['component-exit-with-code-255', 'exit 255', ''],
  ['component-newer-0-2', 'exit 0', ''],
  ['component-trap', 'trap unreachable', ''],
  ['component-loop', 'limit timeout', '', { limits: { timeoutMs: 50 } }],
  ['component-p3-hello', 'exit 0', 'hello\n'],
  ['component-p3-return-ok', 'exit 0', ''],
  ['component-p3-return-err', 'exit 1', ''],
  ['component-p3-exit-with-code-3', 'exit 3', ''],
  ['component-p3-trap', 'trap unreachable', ''],
  ['component-p3-loop', 'limit timeout', '', { limits: { timeoutMs: 50 } }],
  ['trap-unreachable', 'trap unreachable', 'before trap\n'],
  ['trap-stack-overflow', 'trap stack-overflow', ''],
  ['trap-uncaught-exception', 'trap uncaught-exception', ''],
  ['print-then-loop', 'limit fuel', 'before\n', { limits: { fuel: 100_000 } }],
  ['flood', 'limit output', '0123', { limits: { outputBytes: 4 } }],
  [
    'grow-argv',
    'limit memory',
    '',
    { args: ['9'], limits: { memoryBytes: 65_536, onMemory: 'stop' } },
  ],
]

/** Guests that print before their time is over. */
const PRINTING = [
  ['print-then-loop', 'limit timeout', 'before\n', 'timeoutMs', 50],
  ['print-then-loop', 'limit cpu', 'before\n', 'cpuMs', 20],
  ['sleep-hour', 'limit timeout', 'sleeping\n', 'timeoutMs', 50],
] as const

for (const code of CODES) {
  test(`exit ${code} is an exit, not a trap`, async (t) => {
    const program = await wat('exit-argv')
    const outcome = await program.run({ args: [String(code)] })
    t.like(outcome, { kind: 'exit', code, ok: code === 0 })
    t.like(program.runSync({ args: [String(code)] }), { kind: 'exit', code, ok: code === 0 })
  })
}

for (const [guest, expected, stdout, options] of ENDINGS) {
  const title = `${guest} ends as ${expected}`
  const limits = options?.limits ? ` with ${JSON.stringify(options.limits)}` : ''
  test(title + limits, async (t) => {
    const outcome = await (await wat(guest)).run(options)
    t.is(ending(outcome), expected)
    t.is(outcome.stdout.toString(), stdout)
    t.is(outcome.ok, expected === 'exit 0')
  })
}

for (const [guest, expected, stdout, limit, firstMs] of PRINTING) {
  test(`${guest} ends as ${expected} with ${JSON.stringify({ [limit]: firstMs })}`, async (t) => {
    const program = await wat(guest)
    const attempt = async (ms: number): Promise<Outcome> => {
      const outcome = await program.run({ limits: { [limit]: ms } })
      t.is(ending(outcome), expected)
      return outcome
    }
    const outcome = await withMoreTime(firstMs, attempt, (ended) => ended.stdout.length > 0)
    t.is(outcome.stdout.toString(), stdout)
  })
}

test('a wait for stdin past the timeout is a limit', async (t) => {
  const program = await wat('read-stdin')
  const stdin = (async function* never(): AsyncGenerator<string> {
    await new Promise(() => {})
    yield 'never'
  })()
  const outcome = await program.run({ stdin, limits: { timeoutMs: 50 } })
  t.is(ending(outcome), 'limit timeout')
})

test('equal runs have equal outcomes but for their usage', async (t) => {
  const program = await wat('trap-unreachable')
  const { usage: usage1, ...first } = await program.run()
  const { usage: usage2, ...second } = await program.run()
  t.deepEqual(first, second)
  t.is(usage1.memoryPeakBytes, usage2.memoryPeakBytes)
})

test('usage tells wall clock, time on a core and memory', async (t) => {
  const { usage } = await (await wat('loop-argv')).run({ args: ['20'] })
  t.true(usage.cpuMs > 0)
  t.true(usage.wallMs > 0)
  t.is(usage.memoryPeakBytes % 65_536, 0)
  t.true(usage.memoryPeakBytes >= 65_536)
  t.false('fuel' in usage)
  t.false(usage.memoryDenied)
  t.false(usage.outputTruncated)
})

test('time asleep is not time on a core', async (t) => {
  const { usage } = await (await wat('sleep-argv')).run({ args: ['150'] })
  t.true(usage.wallMs >= 150)
  t.true(usage.cpuMs < 100)
})

test('JSON.stringify shows an outcome with its output as text', async (t) => {
  const outcome = await (await wat('print-both')).run()
  const json: unknown = JSON.parse(JSON.stringify(outcome))
  t.like(json, { kind: 'exit', ok: false, code: 2, stdout: 'out\n', stderr: 'err\n' })
})

test('JSON.stringify shows fuel as a number', async (t) => {
  const outcome = await (await wat('loop')).run({ limits: { fuel: 5000n } })
  const json = JSON.parse(JSON.stringify(outcome)) as JsonOutcome
  t.is(typeof outcome.usage.fuel, 'bigint')
  t.is(json.usage.fuel, Number(outcome.usage.fuel))
  t.like(json, { kind: 'limit', limit: 'fuel', ok: false })
})

test('JSON.stringify shows a trap with its frames', async (t) => {
  const outcome = await (await wat('trap-unreachable')).run()
  const json = JSON.parse(JSON.stringify(outcome)) as JsonOutcome
  t.is(json.kind === 'trap' && json.trap.code, 'unreachable')
  t.deepEqual(json.kind === 'trap' && json.trap.frames.map((frame) => frame.function), [
    'inner',
    'outer',
    '_start',
  ])
})

test('JSON.stringify loses nothing that was printed, and says it twice only where text cannot', (t) => {
  const usage = {
    wallMs: 1,
    cpuMs: 1,
    memoryPeakBytes: 0,
    memoryDenied: false,
    outputTruncated: false,
  }
  const printed = fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' }).map(utf8))
  fc.assert(
    fc.property(printed, printed, (stdout, stderr) => {
      const outcome = exit(3, { stdout: Buffer.from(stdout), stderr: Buffer.from(stderr), usage })
      const json = JSON.parse(JSON.stringify(outcome)) as JsonOutcome
      const { stdoutBase64, stderrBase64, ...always } = json
      t.deepEqual(bytesOf(json.stdout, stdoutBase64), outcome.stdout)
      t.deepEqual(bytesOf(json.stderr, stderrBase64), outcome.stderr)
      const text = { stdout: outcome.stdout.toString(), stderr: outcome.stderr.toString() }
      t.deepEqual(always, { kind: 'exit', ok: false, code: 3, ...text, usage })
      t.is('stdoutBase64' in json, !utf8(text.stdout).equals(outcome.stdout))
      t.is('stderrBase64' in json, !utf8(text.stderr).equals(outcome.stderr))
      const keys = [
        'kind',
        'ok',
        'code',
        'stdout',
        'stdoutBase64',
        'stderr',
        'stderrBase64',
        'usage',
      ]
      t.deepEqual(
        Object.keys(json),
        keys.filter((key) => key in json),
      )
    }),
  )
})

function utf8(text: string): Buffer {
  return Buffer.from(text, 'utf8')
}

function bytesOf(text: string, base64: string | undefined): Buffer {
  return base64 === undefined ? utf8(text) : Buffer.from(base64, 'base64')
}

test('JSON.stringify of an outcome whose output was given away shows none', async (t) => {
  const { usage } = await (await wat('hello')).run()
  const stdout = Buffer.from(new ArrayBuffer(8)).fill(0xff)
  structuredClone(stdout.buffer, { transfer: [stdout.buffer] })
  const outcome = exit(0, { stdout, stderr: Buffer.alloc(0), usage })
  t.is((JSON.parse(JSON.stringify(outcome)) as JsonOutcome).stdout, '')
})

test('JSON.stringify throws for output that no string can hold', async (t) => {
  const { usage } = await (await wat('hello')).run()
  const outcome = exit(0, { stdout: Buffer.alloc(2 ** 31), stderr: Buffer.alloc(0), usage })
  const error = t.throws(() => JSON.stringify(outcome), { instanceOf: RangeError })
  t.regex(error!.message, /^`stdout` must be at most \d+ bytes to become a string, got 2147483648;/)
})

test('structuredClone copies what an outcome says', async (t) => {
  for (const [guest, options] of [
    ['print-both', {}],
    ['trap-unreachable', {}],
    ['loop', { limits: { fuel: 1000 } }],
    ['loop', { signal: AbortSignal.abort('enough') }],
  ] as const) {
    const outcome = await (await wat(guest)).run(options)
    const copy = structuredClone(outcome)
    t.is(ending(copy), ending(outcome))
    t.is(copy.ok, outcome.ok)
    t.deepEqual(copy.usage, outcome.usage)
    t.deepEqual([...copy.stdout], [...outcome.stdout])
  }
})

test('spreading copies what an outcome says', async (t) => {
  const outcome = await (await wat('print-both')).run()
  t.deepEqual(Object.keys({ ...outcome }), ['kind', 'ok', 'code', 'stdout', 'stderr', 'usage'])
})

test('console.log shows the kind first', async (t) => {
  const shown = async (guest: string, options?: RunOptions): Promise<string> =>
    inspect(await (await wat(guest)).run(options)).replaceAll(/\s+/g, ' ')
  t.regex(await shown('print-both'), /^Exit \{ kind: 'exit', ok: false, code: 2,/)
  t.regex(
    await shown('trap-unreachable'),
    /^Trap \{ kind: 'trap', ok: false, trap: \{ code: 'unreachable',/,
  )
  t.regex(
    await shown('loop', { limits: { fuel: 1 } }),
    /^Limit \{ kind: 'limit', ok: false, limit: 'fuel',/,
  )
  t.regex(
    await shown('loop', { signal: AbortSignal.abort('why') }),
    /^Abort \{ kind: 'abort', ok: false, reason: 'why',/,
  )
})

test('orThrow answers exit 0 itself', async (t) => {
  const outcome = await (await wat('hello')).run()
  const same = orThrow(outcome)
  t.is<Outcome, Outcome>(same, outcome)
  const code: 0 = same.code
  t.is(code, 0)
})

const THROWN: readonly [guest: string, options: RunOptions, message: string][] = [
  ['print-both', {}, 'the program exited with code 2\nerr'],
  ['exit-argv', { args: ['4294967295'] }, 'the program exited with code 4294967295'],
  [
    'trap-divide-by-zero',
    {},
    'the program trapped: integer divide by zero (integer-divide-by-zero)',
  ],
  ['loop', { limits: { fuel: 10 } }, 'the program was ended by its fuel limit'],
  ['loop', { signal: AbortSignal.abort() }, 'the program was aborted'],
]
for (const [guest, options, message] of THROWN) {
  test(`orThrow throws for ${guest}: ${message.split('\n')[0]}`, async (t) => {
    const outcome = await (await wat(guest)).run(options)
    const error = t.throws(() => orThrow(outcome), { instanceOf: ProgramError, message })
    t.is(error?.name, 'ProgramError')
    t.is(error?.outcome, outcome)
  })
}

test('the message of a ProgramError holds the end of a long stderr', async (t) => {
  const outcome = await (await wat('flood-stderr')).run({ limits: { outputBytes: 50_003 } })
  const error = t.throws(() => orThrow(outcome), { instanceOf: ProgramError })
  t.true(error!.message.endsWith('9abcdef012'))
  t.true(error!.message.length < 3000)
  t.is(error!.outcome.stderr.length, 50_003)
})

test('outcomes do not share what they hold', async (t) => {
  const program = await wat('args')
  const outcomes = await Promise.all(['a', 'b'].map((name) => program.run({ args: [name] })))
  outcomes[0]!.stdout.fill(0)
  t.deepEqual(observed(outcomes[1]!), ['exit 0', 'args.wat\nb\n', ''])
})
